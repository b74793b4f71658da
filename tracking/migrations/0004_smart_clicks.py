"""The clicks of smart links are found by link and time, for the job that learns from them."""

from django.db import migrations

# Partial, so it costs only the clicks that it holds; covering, because the job reads a month of
# them each time and would else fetch every row.
SMART_CLICKS = """
CREATE INDEX click_of_smart_link ON click (smart_link_id, ts)
    INCLUDE (offer_id, country, device)
    WHERE smart_link_id > 0 AND reason = 'ok';
"""


class Migration(migrations.Migration):
    dependencies = [("tracking", "0003_click_facts")]

    operations = [
        migrations.RunSQL(SMART_CLICKS, "DROP INDEX click_of_smart_link"),
    ]
