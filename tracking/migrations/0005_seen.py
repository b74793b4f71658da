"""What was seen before and after a click: impressions, and what happened on the advertiser's pages.

Both are kept as clicks are, so the functions that make and drop a day's partition learn which table
they are for.
"""

import django.contrib.postgres.fields
from django.db import migrations, models

from network.sql import APP_ROLE

# Nobody drops younger days, whatever the settings say.
KEPT_DAYS_LEAST = 30

TABLES = f"""
CREATE TABLE impression (
    id uuid NOT NULL,
    ts timestamptz NOT NULL,
    link_id bigint NOT NULL,
    affiliate_id bigint NOT NULL,
    offer_id bigint NOT NULL,
    advertiser_id bigint NOT NULL,
    source text,
    subs text[],
    ip inet,
    user_agent text,
    referrer text,
    PRIMARY KEY (id, ts)
) PARTITION BY RANGE (ts);
CREATE INDEX impression_ts ON impression USING brin (ts);

CREATE TABLE page_event (
    id uuid NOT NULL,
    ts timestamptz NOT NULL,
    click_id uuid NOT NULL,
    name text NOT NULL,
    path text NOT NULL,
    PRIMARY KEY (id, ts)
) PARTITION BY RANGE (ts);
CREATE INDEX page_event_of_click ON page_event (click_id, id);

CREATE TABLE impression_default PARTITION OF impression DEFAULT;
CREATE TABLE page_event_default PARTITION OF page_event DEFAULT;
REVOKE ALL ON impression, impression_default, page_event, page_event_default FROM {APP_ROLE};
GRANT SELECT, INSERT ON impression, page_event TO {APP_ROLE};
GRANT SELECT ON impression_default, page_event_default TO {APP_ROLE};
"""
NO_TABLES = "DROP TABLE impression, page_event"

# As `make_click_partition` was, for one of three tables.
MAKE = f"""
CREATE FUNCTION make_partition(kind text, day date) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    name text := kind || '_' || to_char(day, 'YYYYMMDD');
    rest text := kind || '_default';
    since timestamptz := day::timestamp AT TIME ZONE 'UTC';
    till timestamptz := (day + 1)::timestamp AT TIME ZONE 'UTC';
BEGIN
    -- The application may call this, and shall touch no other table, nor fill the catalogue with
    -- days of nobody's.
    IF (kind IN ('click', 'impression', 'page_event')) IS NOT TRUE THEN
        RAISE EXCEPTION '% is not kept by day', kind
            USING ERRCODE = 'check_violation', CONSTRAINT = 'partition_kind';
    END IF;
    IF (day BETWEEN '1990-01-01' AND '2199-12-31') IS NOT TRUE THEN
        RAISE EXCEPTION 'no %s are kept for %', kind, day
            USING ERRCODE = 'check_violation', CONSTRAINT = 'partition_day';
    END IF;
    IF to_regclass(name) IS NOT NULL THEN
        RETURN false;
    END IF;
    -- Two trackers want the first partition of a day at the same moment.
    PERFORM pg_advisory_xact_lock(hashtext('make_partition'));
    -- Not to_regclass again: it remembers that there was none, until this statement is over.
    IF EXISTS (
        SELECT FROM pg_class WHERE relname = name AND relnamespace = 'public'::regnamespace
    ) THEN
        RETURN false;
    END IF;
    EXECUTE format(
        'CREATE TABLE %I (LIKE %I INCLUDING DEFAULTS INCLUDING CONSTRAINTS)', name, kind);
    EXECUTE format('REVOKE ALL ON %I FROM {APP_ROLE}', name);
    EXECUTE format('GRANT SELECT ON %I TO {APP_ROLE}', name);
    -- From here on no row enters the default partition until the new one takes them.
    EXECUTE format('LOCK TABLE %I IN ACCESS EXCLUSIVE MODE', rest);
    EXECUTE format(
        'WITH moved AS (DELETE FROM %I WHERE ts >= $1 AND ts < $2 RETURNING *) '
        'INSERT INTO %I SELECT * FROM moved', rest, name) USING since, till;
    EXECUTE format(
        'ALTER TABLE %I ATTACH PARTITION %I FOR VALUES FROM (%L) TO (%L)', kind, name, since, till);
    RETURN true;
END $$;

CREATE OR REPLACE FUNCTION make_click_partition(day date) RETURNS boolean
LANGUAGE sql SET search_path = public, pg_temp AS $$ SELECT make_partition('click', day) $$;
CREATE FUNCTION make_impression_partition(day date) RETURNS boolean
LANGUAGE sql SET search_path = public, pg_temp AS $$ SELECT make_partition('impression', day) $$;
CREATE FUNCTION make_page_event_partition(day date) RETURNS boolean
LANGUAGE sql SET search_path = public, pg_temp AS $$ SELECT make_partition('page_event', day) $$;
"""

# Real time and not the network's clock, on purpose: whoever can set that clock, or speak as the
# application, cannot make the rows of the last month go away.
DROP = f"""
CREATE FUNCTION drop_partition(kind text, day date) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    name text := kind || '_' || to_char(day, 'YYYYMMDD');
BEGIN
    IF (kind IN ('click', 'impression', 'page_event')) IS NOT TRUE THEN
        RAISE EXCEPTION '% is not kept by day', kind
            USING ERRCODE = 'check_violation', CONSTRAINT = 'partition_kind';
    END IF;
    IF (day < current_date - {KEPT_DAYS_LEAST}) IS NOT TRUE THEN
        RAISE EXCEPTION 'rows of % are too young to go', day
            USING ERRCODE = 'check_violation', CONSTRAINT = 'partition_retention';
    END IF;
    IF to_regclass(name) IS NULL THEN
        RETURN false;
    END IF;
    EXECUTE format('DROP TABLE %I', name);
    RETURN true;
END $$;
DROP FUNCTION drop_click_partition;
"""


class Migration(migrations.Migration):
    dependencies = [("tracking", "0004_smart_clicks")]

    operations = [
        migrations.CreateModel(
            name="Impression",
            fields=[
                (
                    "pk",
                    models.CompositePrimaryKey(
                        "id", "ts", blank=True, editable=False, primary_key=True, serialize=False
                    ),
                ),
                ("id", models.UUIDField()),
                ("ts", models.DateTimeField()),
                ("link_id", models.BigIntegerField()),
                ("affiliate_id", models.BigIntegerField()),
                ("offer_id", models.BigIntegerField()),
                ("advertiser_id", models.BigIntegerField()),
                ("source", models.TextField(null=True)),
                (
                    "subs",
                    django.contrib.postgres.fields.ArrayField(
                        base_field=models.TextField(null=True), null=True, size=None
                    ),
                ),
                ("ip", models.GenericIPAddressField(null=True)),
                ("user_agent", models.TextField(null=True)),
                ("referrer", models.TextField(null=True)),
            ],
            options={"db_table": "impression", "managed": False},
        ),
        migrations.CreateModel(
            name="PageEvent",
            fields=[
                (
                    "pk",
                    models.CompositePrimaryKey(
                        "id", "ts", blank=True, editable=False, primary_key=True, serialize=False
                    ),
                ),
                ("id", models.UUIDField()),
                ("ts", models.DateTimeField()),
                ("click_id", models.UUIDField()),
                ("name", models.TextField()),
                ("path", models.TextField()),
            ],
            options={"db_table": "page_event", "managed": False},
        ),
        migrations.RunSQL(TABLES, NO_TABLES),
        migrations.RunSQL(MAKE),
        migrations.RunSQL(DROP),
    ]
