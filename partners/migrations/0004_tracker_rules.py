"""What the tracker keeps in memory has grown: changes of these tables ring its bell too."""

from importlib import import_module

from django.db import migrations

from network.sql import update_only

watch = import_module("partners.migrations.0002_rules").watch

WATCHED = (
    "cap",
    "external_id",
    "landing",
    "link_key",
    "smart_link",
    "smart_offer",
    "smart_weight",
)


class Migration(migrations.Migration):
    dependencies = [("partners", "0003_tracker_tables"), ("partners", "0002_rules")]

    operations = [
        *(watch(table) for table in WATCHED),
        # A counter belongs to its window for good.
        update_only("cap_window", "limit_count", "used", "alerted_at"),
    ]
