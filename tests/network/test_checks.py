"""A dangerous configuration is refused with an id."""

import os
import subprocess
import sys
from ipaddress import ip_network

import pytest
from django.conf import settings as project
from django.core.checks import run_checks
from django.core.management import CommandError, call_command
from django.db import connections

from network import checks


def ids(found):
    return [message.id for message in found]


def test_what_helps_a_test_is_refused_in_production(settings):
    settings.MODE = "production"
    settings.CLOCK_FILE = "/tmp/clock"
    settings.OUTGOING_ALLOW = [ip_network("10.0.0.0/8")]
    settings.DEBUG = True
    found = ids(checks.settings_fit_the_mode(None))
    assert found == ["network.E001", "network.E002", "network.E003"]


def _production():
    """The environment of a process in production, such as it is."""
    keys = {"CLICK_KEYS": "c1" * 16, "FIELD_KEYS": "k:" + "f1" * 32, "BLIND_INDEX_KEY": "b1" * 16}
    return os.environ | keys | {
        "MODE": "production", "SECRET_KEY": "s" * 50, "ALLOWED_HOSTS": "x", "CLOCK_FILE": "",
        "CELERY_BROKER_URL": "memory://", "OUTGOING_ALLOW": "",
    }  # fmt: skip


def test_no_process_starts_with_dangerous_settings():
    answer = subprocess.run(
        [sys.executable, "-c", "import network.wsgi"],
        env=_production() | {"CLOCK_FILE": "/clock"}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert answer.returncode == 1
    assert answer.stderr.startswith("network.E001: CLOCK_FILE")


PAGES = """
import network.wsgi
from django.test import Client
for path in ("/", "/nothing"):
    answer = Client(headers={"host": "x"}).get(path, secure=True)
    print(answer.status_code, b"mark." in answer.content)
"""


def test_production_shows_its_pages_once_their_files_are_collected(tmp_path):
    production = _production() | {"STATE_DIR": str(tmp_path)}

    def python(*words):
        return subprocess.run(
            [sys.executable, *words], env=production, capture_output=True, text=True, check=False
        )

    without = python("-c", PAGES)
    assert without.returncode == 1
    assert without.stderr.startswith("network.E008")
    collected = python(str(project.ROOT / "manage.py"), "collectstatic", "--no-input")
    assert collected.returncode == 0, collected.stderr
    assert python("-c", PAGES).stdout.splitlines() == ["200 True", "404 True"]


@pytest.mark.parametrize("mode", ["demo", "test"])
def test_it_is_fine_in_demo_and_test(settings, mode):
    settings.MODE = mode
    assert checks.settings_fit_the_mode(None) == []


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("CLICK_KEYS", (b"x" * 16, b"short")),
        ("CLICK_KEYS", ()),
        ("FIELD_KEYS", {"a": b"x" * 31}),
        ("FIELD_KEYS", {}),
        ("BLIND_INDEX_KEY", b"short"),
        ("SECRET_KEY", "short"),
    ],
)
def test_short_keys_are_refused_everywhere(settings, name, value):
    assert checks.keys_are_long_enough(None) == []
    setattr(settings, name, value)
    assert ids(checks.keys_are_long_enough(None)) == ["network.E004"]


def test_one_role_for_both_addresses_is_refused(settings):
    assert checks.owner_is_not_the_application(None) == []
    settings.APP_ROLE = settings.DATABASES["owner"]["USER"]
    assert ids(checks.owner_is_not_the_application(None)) == ["network.E005"]


def test_migrations_without_the_owner_are_refused(monkeypatch):
    with pytest.raises(CommandError, match="DATABASE_OWNER_URL"):
        call_command("migrate", database="default")
    monkeypatch.delitem(project.DATABASES, "owner")
    with pytest.raises(CommandError, match="DATABASE_OWNER_URL"):
        call_command("migrate")


@pytest.mark.django_db
def test_the_right_role_and_the_right_currencies_pass():
    assert checks.application_owns_nothing(None, databases=["default"]) == []
    assert checks.currencies_are_stored(None, databases=["default"]) == []
    assert checks.pools_fit_the_server(None, databases=["default"]) == []


@pytest.mark.usefixtures("fresh_db")
def test_an_application_that_owns_the_tables_is_refused(monkeypatch):
    owner = connections["owner"].settings_dict["USER"]
    monkeypatch.setitem(connections["default"].settings_dict, "USER", owner)
    assert ids(checks.application_owns_nothing(None, databases=["default"])) == ["network.E006"]


@pytest.mark.django_db
def test_a_currency_that_the_code_does_not_know_is_refused(monkeypatch):
    monkeypatch.setitem(checks.EXPONENTS, "ZZZ", 2)
    [found] = checks.currencies_are_stored(None, databases=["default"])
    assert (found.id, "ZZZ" in found.msg) == ("network.E007", True)


@pytest.mark.django_db
def test_pools_that_want_more_than_the_server_has_are_told(settings):
    settings.DB_POOL_MAX = 1000
    assert ids(checks.pools_fit_the_server(None, databases=["default"])) == ["network.W001"]


@pytest.mark.django_db(databases=["default", "owner"])
def test_this_project_passes_its_own_checks():
    assert run_checks(databases=["default"]) == []
    call_command("makemigrations", check=True, dry_run=True, verbosity=0)
