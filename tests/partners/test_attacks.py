"""What PostgreSQL itself refuses to the application's role of the partners' rules."""

import pytest
from django.db import IntegrityError, ProgrammingError, connection, transaction

from partners.models import ConfigVersion
from tests import factories


def attack(statement):
    """Run a statement as the application's role, in a savepoint."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(statement)


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE config_version SET version = 1",
        "INSERT INTO config_version (id, version) VALUES (2, 1)",
        "DELETE FROM config_version",
        "TRUNCATE config_version",
    ],
)
def test_the_configuration_version_is_its_triggers_alone(db, statement):
    with pytest.raises(ProgrammingError, match="permission denied"):
        attack(statement)


def test_the_configuration_version_still_counts(db):
    before = ConfigVersion.objects.get().version
    factories.make_advertiser("acme")
    assert ConfigVersion.objects.get().version > before


def test_who_signs_does_not_go_back_to_a_token(db):
    acme = factories.make_advertiser("acme", report_auth="hmac", report_token_digest="")
    with pytest.raises(IntegrityError, match="goes on signing"):
        attack(f"UPDATE advertiser SET report_auth = 'token' WHERE id = {acme.pk}")
    attack(f"UPDATE advertiser SET name = 'Acme', report_auth = 'hmac' WHERE id = {acme.pk}")


def test_no_operator_becomes_finance_by_an_update(db):
    olga = factories.make_member("operator")
    factories.make_member("operator", user=olga.user)
    with pytest.raises(IntegrityError, match="nobody is two"):
        attack(f"UPDATE membership SET role = 'finance' WHERE id = {olga.pk}")
