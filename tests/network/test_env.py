"""The environment is read strictly, and all that is wrong is said at once."""

import os
import subprocess
import sys

import pytest

from network import env
from tests.running import ROOT


@pytest.fixture(autouse=True)
def _no_problems_stay():
    yield
    env._problems.clear()


def refusal():
    with pytest.raises(SystemExit) as refused:
        env.refuse_problems()
    return str(refused.value)


def test_production_without_secrets_ends_with_a_table_of_everything_missing():
    bare = {"PATH": os.environ["PATH"], "DEBUG": "yes", "DB_POOL_MAX": "-1"}
    answer = subprocess.run(
        [sys.executable, "-c", "import network.settings"],
        env=bare,
        capture_output=True,
        text=True,
        check=False,
    )
    assert answer.returncode == 1
    for name in ("SECRET_KEY", "CLICK_KEYS", "FIELD_KEYS", "BLIND_INDEX_KEY", "DATABASE_URL",
                 "CELERY_BROKER_URL", "ALLOWED_HOSTS", "DEBUG", "DB_POOL_MAX"):  # fmt: skip
        assert f"  {name} " in answer.stderr
    assert "make manage" not in answer.stderr


def test_a_command_by_hand_is_told_how_it_gets_the_settings_of_make_run():
    answer = subprocess.run(
        [sys.executable, "manage.py", "check"],
        cwd=ROOT,
        env={"PATH": os.environ["PATH"]},
        capture_output=True,
        text=True,
        check=False,
    )
    assert answer.returncode == 1
    assert "  SECRET_KEY " in answer.stderr
    assert answer.stderr.splitlines()[-1].startswith("Beside `make run`: make manage CMD=")


def test_a_command_by_hand_with_all_settings_is_told_only_what_is_wrong(monkeypatch):
    monkeypatch.setattr(sys, "argv", ["manage.py", "check"])
    monkeypatch.setenv("NUMBER", "x")
    env.env_int("NUMBER")
    assert "make manage" not in refusal()


@pytest.mark.parametrize(("text", "value"), [("True", True), ("False", False), ("", True)])
def test_a_switch_is_true_or_false(monkeypatch, text, value):
    monkeypatch.setenv("SWITCH", text)
    assert env.env_bool("SWITCH", True) is value
    env.refuse_problems()


@pytest.mark.parametrize("text", ["true", "1", "yes", "on"])
def test_a_switch_is_nothing_else(monkeypatch, text):
    monkeypatch.setenv("SWITCH", text)
    env.env_bool("SWITCH", True)
    assert "SWITCH" in refusal()


@pytest.mark.parametrize("text", ["x", "1.5", "-1", "٣"])
def test_a_number_is_whole_and_large_enough(monkeypatch, text):
    monkeypatch.setenv("NUMBER", text)
    env.env_int("NUMBER")
    assert "NUMBER" in refusal()


def test_a_secret_may_be_a_file(monkeypatch, tmp_path):
    (tmp_path / "secret").write_text("from a file\n")
    monkeypatch.setenv("THING_FILE", str(tmp_path / "secret"))
    assert env.env_secret("THING") == "from a file"
    monkeypatch.setenv("THING_FILE", str(tmp_path / "nowhere"))
    env.env_secret("THING")
    assert "THING_FILE" in refusal()


def test_keys_are_hex_and_a_bad_one_is_not_repeated(monkeypatch):
    monkeypatch.setenv("RING", "b:0a0b, a:0c")
    assert list(env.env_keyring("RING").items()) == [("b", b"\n\x0b"), ("a", b"\x0c")]
    monkeypatch.setenv("RING", "not-so-hex,k:topsecret")
    env.env_keyring("RING")
    assert "topsecret" not in (said := refusal())
    assert said.count("RING") == 2


@pytest.mark.parametrize(
    ("url", "host", "port", "user"),
    [
        ("postgresql://app@/shop?host=/run/a%20b", "/run/a b", "", "app"),
        ("postgresql://app%40x:p%3Aw@db.example:6432/shop?sslmode=require", "db.example", "6432",
         "app@x"),
    ],
)  # fmt: skip
def test_a_database_is_a_libpq_address(monkeypatch, url, host, port, user):
    monkeypatch.setenv("DB", url)
    database = env.env_database("DB")
    assert (database["NAME"], database["HOST"]) == ("shop", host)
    assert (database["PORT"], database["USER"]) == (port, user)


@pytest.mark.parametrize(
    "url", ["mysql://x", "postgresql://app@host/db?nonsense=1", "postgresql:///db"]
)
def test_what_is_no_such_address_is_refused(monkeypatch, url):
    monkeypatch.setenv("DB", url)
    env.env_database("DB")
    assert url not in (said := refusal())
    assert "DB" in said


def test_a_network_is_a_range(monkeypatch):
    monkeypatch.setenv("RANGES", "10.0.0.0/8, ::1/128")
    assert [str(network) for network in env.env_networks("RANGES")] == ["10.0.0.0/8", "::1/128"]
    monkeypatch.setenv("RANGES", "10.0.0.1/8")
    env.env_networks("RANGES")
    assert "RANGES" in refusal()


def test_a_file_must_be_there(monkeypatch, tmp_path):
    assert env.env_file("DATABASE_FILE") == ""
    monkeypatch.setenv("DATABASE_FILE", str(tmp_path / "file"))
    env.env_file("DATABASE_FILE")
    assert "DATABASE_FILE  cannot be read" in refusal()
    (tmp_path / "file").touch()
    assert env.env_file("DATABASE_FILE") == str(tmp_path / "file")
    env.refuse_problems()
