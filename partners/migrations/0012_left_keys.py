"""The keys of people who have left are revoked, so that they stay dead if the people come back."""

from django.db import migrations

REVOKE = """
UPDATE api_key SET revoked_at = now()
WHERE user_id IS NOT NULL AND revoked_at IS NULL AND NOT EXISTS (
    SELECT FROM membership
    WHERE membership.user_id = api_key.user_id AND membership.role = api_key.role
        AND membership.organisation_id = api_key.organisation_id
)
"""


class Migration(migrations.Migration):
    dependencies = [("partners", "0011_cap_changes")]

    operations = [migrations.RunSQL(REVOKE, migrations.RunSQL.noop)]
