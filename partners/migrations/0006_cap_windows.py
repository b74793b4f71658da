"""Counters of caps are found by their end, and old ones are forgotten."""

from django.db import migrations, models

# The application may not delete counters: an open one that is gone would count from 0 again. So
# this looks by itself how late it is at least: a month before the last end of a window.
PRUNE = """
CREATE FUNCTION prune_cap_windows(before timestamptz) RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    till timestamptz := least(before, (SELECT max(ends_at) FROM cap_window) - interval '400 days');
    pruned bigint;
BEGIN
    DELETE FROM cap_window WHERE id IN (
        SELECT id FROM cap_window WHERE ends_at < till ORDER BY ends_at LIMIT 5000
    );
    GET DIAGNOSTICS pruned = ROW_COUNT;
    RETURN pruned;
END $$;
"""


class Migration(migrations.Migration):
    dependencies = [("partners", "0005_config_changes")]

    operations = [
        migrations.AlterField(
            "capwindow",
            "cap",
            models.ForeignKey(
                db_index=False,
                on_delete=models.deletion.PROTECT,
                related_name="windows",
                to="partners.cap",
            ),
        ),
        migrations.AddIndex(
            "capwindow", models.Index(fields=["ends_at"], name="cap_window_by_end")
        ),
        migrations.RunSQL(PRUNE, "DROP FUNCTION prune_cap_windows"),
    ]
