"""The roles' rights, the function that forbids, and the kernel's tables."""

from django.apps.registry import Apps
from django.db import migrations, models
from django.db.backends.base.schema import BaseDatabaseSchemaEditor

from network.sql import APP_ROLE

# ISO 4217 as of 2026-01-01, frozen here: the code may learn a currency, this migration never.
CURRENCIES = {
    0: "BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX UYI VND VUV XAF XOF XPF",
    2: """
        AED AFN ALL AMD AOA ARS AUD AWG AZN BAM BBD BDT BMD BND BOB BOV BRL BSD BTN BWP BYN BZD CAD
        CDF CHE CHF CHW CNY COP COU CRC CUP CVE CZK DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL GHS
        GIP GMD GTQ GYD HKD HNL HTG HUF IDR ILS INR IRR JMD KES KGS KHR KPW KYD KZT LAK LBP LKR LRD
        LSL MAD MDL MGA MKD MMK MNT MOP MRU MUR MVR MWK MXN MXV MYR MZN NAD NGN NIO NOK NPR NZD PAB
        PEN PGK PHP PKR PLN QAR RON RSD RUB SAR SBD SCR SDG SEK SGD SHP SLE SOS SRD SSP STN SVC SYP
        SZL THB TJS TMT TOP TRY TTD TWD TZS UAH USD USN UYU UZS VED VES WST XCD XCG YER ZAR ZMW ZWG
    """,
    3: "BHD IQD JOD KWD LYD OMR TND",
    4: "CLF UYW",
}

# Tables that another app's migration made before this one are covered by ON ALL TABLES, later ones
# by the default privileges. SECURITY DEFINER functions are for the application, not for PUBLIC.
RIGHTS = f"""
ALTER DEFAULT PRIVILEGES GRANT SELECT, INSERT, UPDATE, DELETE ON TABLES TO {APP_ROLE};
ALTER DEFAULT PRIVILEGES GRANT USAGE, SELECT ON SEQUENCES TO {APP_ROLE};
ALTER DEFAULT PRIVILEGES REVOKE EXECUTE ON FUNCTIONS FROM PUBLIC;
ALTER DEFAULT PRIVILEGES GRANT EXECUTE ON FUNCTIONS TO {APP_ROLE};
GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO {APP_ROLE};
GRANT USAGE, SELECT ON ALL SEQUENCES IN SCHEMA public TO {APP_ROLE};
REVOKE ALL ON django_migrations FROM {APP_ROLE};
GRANT SELECT ON django_migrations TO {APP_ROLE};
"""
NO_RIGHTS = f"""
ALTER DEFAULT PRIVILEGES REVOKE ALL ON TABLES FROM {APP_ROLE};
ALTER DEFAULT PRIVILEGES REVOKE ALL ON SEQUENCES FROM {APP_ROLE};
ALTER DEFAULT PRIVILEGES REVOKE ALL ON FUNCTIONS FROM {APP_ROLE};
ALTER DEFAULT PRIVILEGES GRANT EXECUTE ON FUNCTIONS TO PUBLIC;
"""

FORBID = """
CREATE FUNCTION forbid() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '% on % is forbidden: its rows never change', TG_OP, TG_TABLE_NAME
        USING ERRCODE = 'restrict_violation', TABLE = TG_TABLE_NAME;
END $$;
"""

KERNEL_GRANTS = f"""
REVOKE INSERT, UPDATE, DELETE ON currency FROM {APP_ROLE};
REVOKE UPDATE ON idempotency_request FROM {APP_ROLE};
"""


def store_currencies(apps: Apps, editor: BaseDatabaseSchemaEditor) -> None:
    """Store every active currency with its number of decimals."""
    currency = apps.get_model("network", "Currency")
    currency.objects.using(editor.connection.alias).bulk_create(
        currency(code=code, exponent=exponent)
        for exponent, codes in CURRENCIES.items()
        for code in codes.split()
    )


class Migration(migrations.Migration):
    initial = True
    dependencies = []

    operations = [
        migrations.RunSQL(RIGHTS, NO_RIGHTS),
        migrations.RunSQL(FORBID, "DROP FUNCTION forbid"),
        migrations.CreateModel(
            name="Currency",
            fields=[
                ("code", models.CharField(max_length=3, primary_key=True, serialize=False)),
                ("exponent", models.PositiveSmallIntegerField()),
                ("active", models.BooleanField(default=True)),
            ],
            options={
                "db_table": "currency",
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(("exponent__lte", 6)), name="currency_fits_micros"
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="Heartbeat",
            fields=[
                ("name", models.CharField(max_length=40, primary_key=True, serialize=False)),
                ("at", models.DateTimeField()),
            ],
            options={"db_table": "heartbeat"},
        ),
        migrations.CreateModel(
            name="IdempotencyRequest",
            fields=[
                ("id", models.UUIDField(primary_key=True, serialize=False)),
                ("actor", models.CharField(max_length=200)),
                ("key", models.CharField(max_length=255)),
                ("request_sha256", models.CharField(max_length=64)),
                ("status", models.PositiveSmallIntegerField()),
                ("headers", models.JSONField()),
                ("body_sealed", models.BinaryField()),
                ("created_at", models.DateTimeField()),
            ],
            options={
                "db_table": "idempotency_request",
                "constraints": [
                    models.UniqueConstraint(fields=("actor", "key"), name="idempotency_once")
                ],
                "indexes": [models.Index(fields=["created_at"], name="idempotency_age")],
            },
        ),
        migrations.RunPython(store_currencies, migrations.RunPython.noop),
        migrations.RunSQL(KERNEL_GRANTS, migrations.RunSQL.noop),
    ]
