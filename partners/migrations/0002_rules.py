"""The rules of partners that only the database can hold: one configuration version, fixed terms."""

from django.db import migrations

from network.sql import APP_ROLE, append_only, update_only

# What the tracker keeps in memory. A change of any of these bumps the version in its own
# transaction and rings the bell; the version row, not the bell, is what a tracker trusts.
WATCHED = (
    "advertiser",
    "affiliate",
    "application",
    "goal",
    "link",
    "offer",
    "report_key",
    "terms",
)

CONFIG_CHANGED = f"""
INSERT INTO config_version (id, version) VALUES (1, 1);

CREATE FUNCTION config_changed() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    UPDATE config_version SET version = version + 1 WHERE id = 1;
    PERFORM pg_notify('config', '');
    RETURN NULL;
END $$;

-- The function writes as the owner; whoever else set the version back would hide a change.
REVOKE INSERT, UPDATE, DELETE, TRUNCATE ON config_version FROM {APP_ROLE};
"""

# Who signs does so for good: back at a token, a report could be forged by who once saw that token.
REPORT_AUTH_STAYS = """
CREATE FUNCTION report_auth_stays() RETURNS trigger
LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
BEGIN
    RAISE EXCEPTION 'an advertiser that signs its reports goes on signing them'
        USING ERRCODE = 'check_violation', CONSTRAINT = 'report_auth_stays';
END $$;

CREATE TRIGGER report_auth_stays BEFORE UPDATE OF report_auth ON advertiser
    FOR EACH ROW WHEN (OLD.report_auth = 'hmac' AND NEW.report_auth <> 'hmac')
    EXECUTE FUNCTION report_auth_stays();
"""


def watch(table: str) -> migrations.RunSQL:
    """Bump the configuration version after every statement that changes `table`."""
    return migrations.RunSQL(
        f"CREATE TRIGGER {table}_config AFTER INSERT OR UPDATE OR DELETE ON {table} "
        "FOR EACH STATEMENT EXECUTE FUNCTION config_changed()",
        f"DROP TRIGGER {table}_config ON {table}",
    )


class Migration(migrations.Migration):
    dependencies = [("partners", "0001_tables"), ("network", "0001_kernel")]

    operations = [
        migrations.RunSQL(
            CONFIG_CHANGED, "DROP FUNCTION config_changed; DELETE FROM config_version"
        ),
        migrations.RunSQL(REPORT_AUTH_STAYS, "DROP FUNCTION report_auth_stays CASCADE"),
        *(watch(table) for table in WATCHED),
        append_only("terms"),
        # An approval names a version of a payee: what it stands for must not change under it.
        update_only("payee_method", "superseded_at"),
    ]
