"""Which rows changed with each version of the configuration, so that only those are read again."""

import uuid
from importlib import import_module

from django.db import migrations, models

from network.sql import APP_ROLE

watch_whole = import_module("partners.migrations.0002_rules").watch

# Beyond this many changes in one statement the whole configuration is read anyway.
CHANGES_MAX = 1_000
# What a tracker may lag behind, a quarter of an hour at ten changes a second; more is read anew.
VERSIONS_KEPT = 10_000

# Table -> what is built anew when a row changes, how that is found from the row, and the columns
# that memory finds the row by where those are not its id.
WATCHED = {
    "advertiser": ("advertiser", "id", ""),
    "report_key": ("advertiser", "advertiser_id", ""),
    "affiliate": ("affiliate", "id", ""),
    "link_key": ("affiliate", "affiliate_id", ""),
    "offer": ("offer", "id", ""),
    "goal": ("offer", "offer_id", ""),
    "terms": ("offer", "(SELECT offer_id FROM goal WHERE goal.id = goal_id)", ""),
    "landing": ("offer", "offer_id", ""),
    "cap": ("offer", "offer_id", ""),
    "application": ("application", "id", "offer_id, affiliate_id"),
    "link": ("link", "id", "code"),
    "smart_link": ("smart_link", "id", ""),
    "smart_offer": ("smart_link", "smart_link_id", ""),
    "smart_weight": ("smart_link", "smart_link_id", ""),
    "external_id": ("external_id", "id", "dialect, kind, external_id"),
}

# One transaction at a time holds the version row, from its first change to its end. So when
# version N can be seen, every transaction that made a version up to N is over, and a reader that
# sees N sees all changes up to N, too. Versions are given out in the order of commits.
#
# The mark is new with every version. Two histories that count alike (a restored backup, a standby
# that took over without the last change) tell different marks, though version and transaction id
# be the same.
#
# A NULL for the id means: everything. That is said where there are too many, and where memory
# could not find what a row was before: it was deleted, or is now found by another key.
CONFIG_CHANGED = f"""
CREATE TABLE config_change (
    version bigint NOT NULL,
    mark uuid NOT NULL,
    kind text NOT NULL,
    id bigint
);
CREATE INDEX config_change_of_version ON config_change (version);
REVOKE INSERT, UPDATE, DELETE, TRUNCATE ON config_change FROM {APP_ROLE};

CREATE OR REPLACE FUNCTION config_changed() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    kind CONSTANT text := TG_ARGV[0];
    owner CONSTANT text := TG_ARGV[1];
    key CONSTANT text := TG_ARGV[2];
    before CONSTANT text := format('SELECT %s AS id FROM before', owner);
    after CONSTANT text := format('SELECT %s AS id FROM after', owner);
    source CONSTANT text := CASE TG_OP WHEN 'INSERT' THEN after WHEN 'DELETE' THEN before
        ELSE before || ' UNION ALL ' || after END;
    ids bigint[];
    is_lost boolean := key <> '' AND TG_OP = 'DELETE';
    current config_version;
BEGIN
    EXECUTE format(
        'SELECT array_agg(id)'
        ' FROM (SELECT DISTINCT id FROM (%s) AS changed LIMIT {CHANGES_MAX + 1}) AS few', source
    ) INTO ids;
    IF ids IS NULL THEN
        RETURN NULL;
    END IF;
    IF key <> '' AND TG_OP = 'UPDATE' THEN
        EXECUTE format(
            'SELECT EXISTS (SELECT id, %1$s FROM before EXCEPT SELECT id, %1$s FROM after)', key
        ) INTO is_lost;
    END IF;
    IF is_lost OR cardinality(ids) > {CHANGES_MAX} THEN
        ids := ARRAY[NULL];
    END IF;
    UPDATE config_version SET version = version + 1, mark = gen_random_uuid() WHERE id = 1
        RETURNING * INTO current;
    INSERT INTO config_change (version, mark, kind, id)
        SELECT current.version, current.mark, kind, changed.id FROM unnest(ids) AS changed (id);
    PERFORM pg_notify('config', '');
    RETURN NULL;
END $$;

CREATE FUNCTION prune_config_changes() RETURNS bigint
LANGUAGE sql SECURITY DEFINER SET search_path = public, pg_temp AS $$
    WITH gone AS (
        DELETE FROM config_change
        WHERE version <= (SELECT version FROM config_version) - {VERSIONS_KEPT}
        RETURNING version
    )
    SELECT count(*) FROM gone
$$;
"""

CONFIG_CHANGED_BACK = """
DROP FUNCTION prune_config_changes;
DROP TABLE config_change;
CREATE OR REPLACE FUNCTION config_changed() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    UPDATE config_version SET version = version + 1 WHERE id = 1;
    PERFORM pg_notify('config', '');
    RETURN NULL;
END $$;
"""

_EVENTS = {
    "INSERT": "NEW TABLE AS after",
    "UPDATE": "OLD TABLE AS before NEW TABLE AS after",
    "DELETE": "OLD TABLE AS before",
}


def watch_rows(table: str, kind: str, owner: str, key: str = "") -> migrations.RunSQL:
    """Say after every statement on `table` what has changed; for the words see WATCHED."""
    # A trigger for several kinds of statement at once would get no transition tables.
    names = {event: f"{table}_config_{event.lower()}" for event in _EVENTS}
    return migrations.RunSQL(
        "".join(
            f"CREATE TRIGGER {names[event]} AFTER {event} ON {table} REFERENCING {rows} "
            f"FOR EACH STATEMENT EXECUTE FUNCTION config_changed('{kind}', '{owner}', '{key}');"
            for event, rows in _EVENTS.items()
        ),
        "".join(f"DROP TRIGGER {name} ON {table};" for name in names.values()),
    )


def unwatch_whole(table: str) -> migrations.RunSQL:
    """Take back the trigger that only said that something has changed."""
    watched = watch_whole(table)
    return migrations.RunSQL(watched.reverse_sql, watched.sql)


class Migration(migrations.Migration):
    dependencies = [("partners", "0004_tracker_rules")]

    operations = [
        migrations.AddField(
            model_name="configversion", name="mark", field=models.UUIDField(default=uuid.uuid4)
        ),
        migrations.RunSQL(CONFIG_CHANGED, CONFIG_CHANGED_BACK),
        *(unwatch_whole(table) for table in WATCHED),
        *(watch_rows(table, *words) for table, words in WATCHED.items()),
    ]
