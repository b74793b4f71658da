"""Clicks tell more about the visitor: where from, with what, and whether for the first time."""

from django.db import migrations

from network.sql import APP_ROLE

# Nobody drops younger days, whatever the settings say.
KEPT_DAYS_LEAST = 30

CLICKS = f"""
ALTER TABLE click
    ADD COLUMN landing_id bigint NOT NULL DEFAULT 0,
    ADD COLUMN smart_link_id bigint NOT NULL DEFAULT 0,
    ADD COLUMN sub_source text,
    ADD COLUMN country text,
    ADD COLUMN region text,
    ADD COLUMN device text,
    ADD COLUMN os text,
    ADD COLUMN browser text,
    ADD COLUMN marks text[],
    ADD COLUMN visitor bigint;

-- A day's salt makes visitors of that day comparable, and those of another day never again: when
-- it is gone, nobody can tell whose key a visitor key was.
CREATE TABLE visitor_salt (
    day date PRIMARY KEY,
    salt bytea NOT NULL CHECK (length(salt) = 16)
);
REVOKE UPDATE, TRUNCATE ON visitor_salt FROM {APP_ROLE};

-- The first click of a visitor on an offer by an affiliate in a day; every other one is a repeat.
CREATE TABLE first_click (
    visitor bigint NOT NULL,
    day date NOT NULL,
    click_id uuid NOT NULL,
    PRIMARY KEY (day, visitor)
);
REVOKE TRUNCATE ON first_click FROM {APP_ROLE};

-- Up to which click a day has been looked through. Clicks that come late, from a spool, take the
-- mark of their day away, and it is looked through once more.
CREATE TABLE first_click_mark (
    day date PRIMARY KEY,
    until uuid NOT NULL
);
"""

# Real time and not the network's clock, on purpose: whoever can set that clock, or speak as the
# application, cannot make the clicks of the last month go away.
RETENTION = f"""
CREATE FUNCTION drop_click_partition(day date) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    name text := 'click_' || to_char(day, 'YYYYMMDD');
BEGIN
    IF (day < current_date - {KEPT_DAYS_LEAST}) IS NOT TRUE THEN
        RAISE EXCEPTION 'clicks of % are too young to go', day
            USING ERRCODE = 'check_violation', CONSTRAINT = 'click_retention';
    END IF;
    IF to_regclass(name) IS NULL THEN
        RETURN false;
    END IF;
    EXECUTE format('DROP TABLE %I', name);
    RETURN true;
END $$;
"""


class Migration(migrations.Migration):
    dependencies = [("tracking", "0002_rules")]

    operations = [
        migrations.RunSQL(CLICKS, "DROP TABLE first_click, first_click_mark, visitor_salt"),
        migrations.RunSQL(RETENTION, "DROP FUNCTION drop_click_partition"),
    ]
