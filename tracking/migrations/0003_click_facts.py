"""Clicks tell more about the visitor: where from, with what, and whether for the first time."""

from django.db import migrations

from network.sql import APP_ROLE

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
"""


class Migration(migrations.Migration):
    dependencies = [("tracking", "0002_rules")]

    operations = [
        migrations.RunSQL(CLICKS, "DROP TABLE first_click, visitor_salt"),
    ]
