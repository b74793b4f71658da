"""The embedded servers as processes: whoever starts them, however they ended before."""

import json
import os
import signal
import stat
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest
import redis

from network.embedded import EmbeddedError, binaries, keyring, places
from network.embedded.account import server_account
from network.embedded.postgres import APP_ROLE, OWNER_ROLE, EmbeddedPostgres
from network.embedded.process import ends_within
from network.embedded.valkey import EmbeddedValkey

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def area(monkeypatch) -> Iterator[Path]:
    """A temporary area of this test alone, open to the server's account as the system's is."""
    with tempfile.TemporaryDirectory(prefix="p-", dir="/tmp") as name:
        Path(name).chmod(0o1777)
        monkeypatch.setenv("TMPDIR", name)
        yield Path(name)


@pytest.fixture
def home(area) -> Path:
    """A home closed to others, as root's is."""
    home = area / "home"
    home.mkdir(mode=0o700)
    return home


@pytest.fixture
def server(home) -> Iterator[EmbeddedPostgres]:
    server = EmbeddedPostgres(home / "var", fsync=False)
    yield server
    server.discard()


def run(server: EmbeddedPostgres, statement: str, role: str = OWNER_ROLE) -> list[tuple]:
    with psycopg.connect(server.url(role), autocommit=True) as connection:
        cursor = connection.execute(statement)
        return cursor.fetchall() if cursor.description else []


def kill(server: EmbeddedPostgres | EmbeddedValkey) -> None:
    pid = server.pid
    os.kill(pid, signal.SIGKILL)
    assert ends_within(pid, 5)


def test_a_second_start_finds_the_data_of_the_first(home, server):
    server.start()
    run(server, "CREATE TABLE kept AS SELECT 7 AS value")
    server.stop()
    assert not server.alive()

    again = EmbeddedPostgres(home / "var", fsync=False)
    again.start()
    assert run(again, "SELECT value FROM kept") == [(7,)]
    again.stop()


def test_the_log_of_a_refused_row_shows_none_of_its_values(home, server):
    server.start()
    run(server, "CREATE TABLE account (iban text UNIQUE)")
    row = "INSERT INTO account VALUES ('DE89370400440532013000')"
    run(server, row)
    with pytest.raises(psycopg.errors.UniqueViolation):
        run(server, row)
    log = (home / "var" / "log" / "postgres.log").read_text()
    assert "account_iban_key" in log
    assert "DE89" not in log


def test_a_killed_postmaster_recovers(server):
    server.start()
    run(server, "CREATE TABLE kept AS SELECT 7 AS value")
    kill(server)
    assert not server.alive()

    server.start()
    assert run(server, "SELECT value FROM kept") == [(7,)]


def test_a_lock_file_that_names_another_program_does_not_keep_the_server_down(server):
    server.start()
    kill(server)
    lock_file = server.data_dir / "postmaster.pid"
    account = server_account()
    with subprocess.Popen(["sleep", "6"], cwd="/", **account.popen_options()) as bystander:
        lines = [str(bystander.pid), *lock_file.read_text().splitlines()[1:]]
        lock_file.write_text("\n".join(lines) + "\n")
        server.start()
        assert run(server, "SELECT 1") == [(1,)]
        assert bystander.poll() is None
        bystander.kill()


@contextmanager
def starting(state: Path) -> Iterator[subprocess.Popen]:
    """Another process that starts the server, says its address, and waits to be told to end."""
    code = (
        "import pathlib, sys\n"
        "from network.embedded.postgres import EmbeddedPostgres\n"
        "server = EmbeddedPostgres(pathlib.Path(sys.argv[1]), fsync=False)\n"
        "server.start()\n"
        "print(server.pid, flush=True)\n"
        "sys.stdin.read()\n"
    )
    words = [sys.executable, "-c", code, str(state)]
    pipe = subprocess.PIPE
    with subprocess.Popen(words, cwd=ROOT, stdin=pipe, stdout=pipe, text=True) as process:
        yield process


def test_three_starts_at_once_share_one_server(home, server):
    with starting(home / "var") as a, starting(home / "var") as b, starting(home / "var") as c:
        pids = {int(process.stdout.readline()) for process in (a, b, c)}
        assert pids == {server.pid}
        assert run(server, "SELECT 1", APP_ROLE) == [(1,)]


def test_a_server_ends_with_the_process_that_started_it(home, server):
    with starting(home / "var") as parent:
        pid = int(parent.stdout.readline())
        parent.kill()
    assert ends_within(pid, 10) == (sys.platform == "linux")


def test_a_closed_home_stays_closed(home, server):
    server.start()
    assert stat.S_IMODE(home.stat().st_mode) == 0o700
    data = server.data_dir.stat()
    assert (data.st_uid, stat.S_IMODE(data.st_mode)) == (server_account().uid, 0o700)


def test_what_the_account_cannot_reach_is_kept_outside_with_a_pointer(home, server, monkeypatch):
    server.start()
    reached = server_account().reaches(home)
    assert (home in server.data_dir.parents) == reached
    assert (home / "var" / "pg.location").exists() != reached
    # The pointer decides, not where the data would go today.
    monkeypatch.delenv("TMPDIR")
    assert EmbeddedPostgres(home / "var").data_dir == server.data_dir


def test_programs_in_a_closed_home_are_copied_with_their_libraries(home):
    found = binaries.find()
    if found.wheel is None:
        pytest.fail("the suite needs the PostgreSQL of a wheel")
    (home / "site").mkdir()
    for name in (found.wheel, f"{found.wheel}.libs"):
        (home / "site" / name).symlink_to(found.bin.parents[2] / name)
    closed = binaries.Binaries(home / "site" / found.wheel / "pginstall" / "bin", found.wheel)

    account = server_account()
    usable = closed.within_reach_of(account)
    assert account.reaches(usable.bin / "postgres")
    ran = subprocess.run(
        [usable.bin / "psql", "--version"], cwd="/", check=True, **account.popen_options()
    )
    assert ran.returncode == 0
    assert closed.within_reach_of(account) == usable


def test_a_directory_of_somebody_else_is_not_used_for_sockets(area):
    ours = os.geteuid()
    foreign = area / "foreign"
    foreign.mkdir()
    if ours == 0:
        os.chown(foreign, 65534, 65534)
    else:
        foreign = Path("/usr")
    with pytest.raises(EmbeddedError, match="belongs to user"):
        places.owned_directory(foreign)


def test_a_link_in_place_of_a_directory_is_not_followed(area):
    (area / "link").symlink_to(area)
    with pytest.raises(EmbeddedError, match="in the way"):
        places.owned_directory(area / "link")


def test_the_application_can_log_in_and_nothing_else(server):
    server.start()
    rights = "rolcanlogin, rolsuper, rolcreatedb, rolcreaterole, rolreplication, rolbypassrls"
    query = f"SELECT {rights} FROM pg_roles WHERE rolname LIKE 'peraction%'"
    assert run(server, query) == [(True, False, False, False, False, False)] * 2
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        run(server, "CREATE TABLE mine (id int)", APP_ROLE)


def test_data_of_another_major_version_are_refused(server):
    server.start()
    server.stop()
    (server.data_dir / "PG_VERSION").write_text("12\n")
    with pytest.raises(EmbeddedError, match=r"of PostgreSQL 12.*PG_BIN"):
        server.start()


def test_a_server_that_cannot_start_shows_the_end_of_its_log(server):
    server.start()
    server.stop()
    (server.data_dir / "postgresql.auto.conf").write_text("no_such_setting = 1\n")
    with pytest.raises(EmbeddedError, match="no_such_setting"):
        server.start()


def test_a_killed_broker_keeps_what_it_was_given(home, area):
    broker = EmbeddedValkey(home / "var")
    client = redis.Redis.from_url(broker.url().replace("redis+socket", "unix"))
    broker.start()
    client.set("word", "kept")
    broker.stop()
    broker.start()
    kill(broker)
    broker.start()
    assert client.get("word") == b"kept"
    client.close()
    broker.discard()
    assert not broker.alive()


def test_secrets_are_made_once_and_only_their_owner_reads_them(tmp_path):
    first = keyring.load(tmp_path, {})
    assert keyring.load(tmp_path, {}) == first
    assert stat.S_IMODE((tmp_path / "secrets.json").stat().st_mode) == 0o600
    assert json.loads((tmp_path / "secrets.json").read_text()) == first
    assert first["FIELD_KEYS"].startswith("k1:")


def test_the_environment_wins_over_the_kept_secrets(tmp_path):
    kept = keyring.load(tmp_path, {})
    given = keyring.load(tmp_path, {"CLICK_KEYS": "ab" * 32})
    assert given == kept | {"CLICK_KEYS": "ab" * 32}


def test_a_broken_file_of_secrets_is_not_replaced(tmp_path):
    (tmp_path / "secrets.json").write_text("{")
    with pytest.raises(EmbeddedError, match="does not hold secrets"):
        keyring.load(tmp_path, {})
    assert (tmp_path / "secrets.json").read_text() == "{"
