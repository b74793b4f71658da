"""A key says who was shown it, so that those of nobody can be turned over when that person goes."""

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

# A key with a person was always issued by that person.
ISSUERS = "UPDATE api_key SET issuer_id = user_id"


class Migration(migrations.Migration):
    dependencies = [("partners", "0013_people_apart")]

    operations = [
        migrations.AddField(
            "apikey",
            "issuer",
            models.ForeignKey(
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to=settings.AUTH_USER_MODEL,
            ),
        ),
        migrations.RunSQL(ISSUERS, migrations.RunSQL.noop),
    ]
