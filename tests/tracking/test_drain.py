"""The drainer: every spooled row once, whatever happens, and nothing bad holds up the good."""

import json
import os
import random
import shutil
import signal
import struct
import subprocess
import sys
import threading
import time
from datetime import UTC, datetime, timedelta

import psycopg
import pytest
from django.db import connection

from network import binary
from network.ids import uuid7, uuid7_at, uuid7_time
from tests.environment import LONG
from tests.running import ROOT, eventually
from tests.tracking import spooled
from tracking.clicks import backlog, drain, spool_records
from tracking.models import Click

KILLS = 100 if LONG else 3


@pytest.fixture
def directory(tmp_path):
    return tmp_path / "spool"


def ids(count):
    return [uuid7() for _ in range(count)]


def stored():
    """The ids of all clicks that are stored, as often as they are."""
    return sorted(Click.objects.values_list("id", flat=True))


def names(directory):
    return sorted(path.suffix for path in directory.iterdir())


def drainer(fresh_db, directory, *words, log=subprocess.DEVNULL):
    """A drainer as a process of its own."""
    return subprocess.Popen(
        [sys.executable, "manage.py", "tracker", "drain", *words],
        cwd=ROOT,
        env=fresh_db.environment | {"SPOOL_DIR": str(directory)},
        stdout=log,
        stderr=subprocess.STDOUT,
    )


def test_a_file_is_loaded_in_many_commits_and_deleted(fresh_db, directory):
    expected = ids(5_000)
    found = [spooled.record(*expected[at : at + 700]) for at in range(0, 5_000, 700)]
    spooled.put(directory, *found)
    assert drain.drain(directory, fresh_db.url)
    assert stored() == sorted(expected)
    assert list(directory.iterdir()) == []


def test_the_same_file_twice_is_loaded_once(fresh_db, directory):
    expected = ids(10)
    path = spooled.put(directory, spooled.record(*expected), spooled.record(*expected[:5]))
    again = shutil.copy(path, directory.parent / "again")
    assert drain.drain(directory, fresh_db.url)
    shutil.copy(again, path)
    spooled.put(directory, spooled.record(*expected))
    assert drain.drain(directory, fresh_db.url)
    assert stored() == sorted(expected)


def test_the_partitions_of_its_days_are_made(fresh_db, directory):
    at = datetime(2031, 5, 17, 23, tzinfo=UTC)
    days = [uuid7_at(int((at + timedelta(days=n)).timestamp() * 1000)) for n in range(2)]
    spooled.put(directory, spooled.record(*days))
    assert drain.drain(directory, fresh_db.url)
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT (SELECT count(*) FROM click_20310517), (SELECT count(*) FROM click_20310518)"
        )
        assert cursor.fetchone() == (1, 1)


def test_a_torn_end_was_never_answered_and_goes(fresh_db, directory):
    whole, torn = ids(2)
    path = spooled.put(directory, spooled.record(whole), spooled.record(torn))
    os.truncate(path, path.stat().st_size - 1)
    assert drain.drain(directory, fresh_db.url)
    assert (stored(), list(directory.iterdir())) == ([whole], [])


def test_damage_costs_its_record_alone_and_the_file_is_kept(fresh_db, directory):
    before, hit, after = ids(3)
    path = spooled.put(directory, *[spooled.record(id) for id in (before, hit, after)])
    broken = path.read_bytes().replace(hit.bytes, b"x" * 16)
    path.write_bytes(broken)
    assert drain.drain(directory, fresh_db.url)
    assert stored() == sorted([before, after])
    (kept,) = directory.iterdir()
    assert (kept.suffix, kept.read_bytes()) == (".damaged", broken)
    assert drain.drain(directory, fresh_db.url)


def test_rows_that_postgresql_refuses_are_kept_and_block_nothing(fresh_db, directory):
    good, bad = ids(200), binary.row(binary.raw(b"half an"), binary.text("id"))
    without_reason = spooled.row().replace(binary.text("ok"), binary.NULL)
    # Marks that are numbers, and marks in more dimensions than there may be.
    marks = [struct.pack(">iiiii", *head) for head in ((1, 0, 23, 0, 1), (7, 0, 25, 0, 1))]
    no_marks = binary.text("ok") + binary.NULL
    odd = [spooled.row().replace(no_marks, binary.text("ok") + binary.raw(each)) for each in marks]
    spooled.put(
        directory,
        spooled.record(*good[:100], extra=bad),
        spooled.record(*good[100:], extra=without_reason),
        *[spooled.record(extra=each) for each in odd],
    )
    assert drain.drain(directory, fresh_db.url)
    assert stored() == sorted(good)
    (kept,) = directory.iterdir()
    rows = [record.rows for record in spool_records.decode(kept.read_bytes()).records]
    assert (kept.suffix, rows) == (".rejected", [bad, without_reason, *odd])


def test_rejected_rows_are_tried_again_under_their_old_name(fresh_db, directory):
    (late,) = ids(1)
    spooled.put(directory, spooled.record(late, columns="id, ts"))
    assert drain.drain(directory, fresh_db.url)
    (kept,) = directory.iterdir()
    (found,) = spool_records.decode(kept.read_bytes()).records
    put_right = found._replace(columns=spooled.record().columns)
    kept.with_suffix(".spool").write_bytes(spooled.contents(put_right))
    kept.unlink()
    assert drain.drain(directory, fresh_db.url)
    assert (stored(), list(directory.iterdir())) == ([late], [])


@pytest.mark.parametrize(
    "no_row",
    [b"\0\x05no row", b"\xff\xff", b"\0\x01\x7f\xff\xff\xff"],
    ids=["short", "end", "long"],
)
def test_rows_that_cannot_be_told_apart_are_kept_together(fresh_db, directory, no_row):
    good, bad = ids(3), spooled.record(*ids(2), extra=no_row)
    spooled.put(directory, spooled.record(good[0]), bad, spooled.record(*good[1:]))
    assert drain.drain(directory, fresh_db.url)
    assert stored() == sorted(good)
    (kept,) = directory.iterdir()
    assert (kept.suffix, spool_records.decode(kept.read_bytes()).records) == (".rejected", [bad])


def test_a_file_of_lines_of_text_is_loaded(fresh_db, directory):
    first, second = ids(2)
    columns = (
        "id, ts, link_id, affiliate_id, offer_id, advertiser_id, reason, link_code, destination"
    )
    lines = [
        f"{id.hex}\t{uuid7_time(id).isoformat()}\t1\t2\t3\t4\t{reason}\tabc\t\\t\n".encode()
        for id, reason in ((first, "ok"), (uuid7(), "\x01"), (second, "ok"))
    ]
    days = spooled.days_of((first, second))
    record = spool_records.Record("click", columns, "text", days, 3, b"".join(lines))
    spooled.put(directory, record)
    assert drain.drain(directory, fresh_db.url)
    assert stored() == sorted([first, second])
    (kept,) = directory.iterdir()
    (found,) = spool_records.decode(kept.read_bytes()).records
    assert (kept.suffix, found.rows) == (".rejected", lines[1])


def test_a_file_of_an_older_release_with_fewer_columns_is_loaded(fresh_db, directory):
    (id,) = ids(1)
    columns = spooled.record().columns.removesuffix(", language")
    old = spooled.record(id, columns=columns)
    (count,) = struct.unpack_from(">h", old.rows)
    rows = struct.pack(">h", count - 1) + old.rows[2:].removesuffix(binary.NULL)
    spooled.put(directory, old._replace(rows=rows))
    assert drain.drain(directory, fresh_db.url)
    assert stored() == [id]


@pytest.mark.parametrize(
    "change",
    [
        {"kind": "later"},
        {"format": "later"},
        {"columns": "id, later"},
        {"columns": "id; DROP TABLE click"},
        {"kind": ["click"]},
        {"format": ["binary"]},
        {"columns": None},
        {"days": ["some day"]},
    ],
)
def test_what_this_release_does_not_know_waits_and_lets_others_pass(fresh_db, directory, change):
    unknown, known = ids(2)
    path = spooled.put(directory, spooled.record(unknown)._replace(**change))
    spooled.put(directory, spooled.record(known))
    other = directory / "0.spool"
    other.write_bytes(b"peraction spool 9\n")
    assert not drain.drain(directory, fresh_db.url)
    assert stored() == [known]
    assert sorted(directory.iterdir()) == sorted([path, other])


def test_a_file_that_is_being_written_is_left_alone(fresh_db, directory):
    path = spooled.put(directory, spooled.record(uuid7()))
    with path.open("rb") as writer:
        assert backlog.hold(writer.fileno())
        assert drain.drain(directory, fresh_db.url)
        assert (stored(), path.exists()) == ([], True)
    assert drain.drain(directory, fresh_db.url)
    assert (len(stored()), path.exists()) == (1, False)


def test_files_that_died_before_they_had_a_name_are_cleared_away(fresh_db, directory):
    directory.mkdir()
    young, old, held = (directory / f"{name}.new" for name in ("young", "old", "held"))
    for path in (young, old, held):
        path.write_bytes(b"")
    for path in (old, held):
        os.utime(path, (0, 0))
    with held.open("rb") as writer:
        assert backlog.hold(writer.fileno())
        assert drain.drain(directory, fresh_db.url)
    assert sorted(directory.iterdir()) == sorted([young, held])


@pytest.mark.parametrize("outcome", ["commit", "rollback"])
def test_a_copy_that_is_still_under_way_is_waited_for(fresh_db, directory, outcome):
    expected = ids(3)
    spooled.put(directory, spooled.record(*expected))
    with psycopg.connect(fresh_db.url) as late:
        with (
            late.cursor() as cursor,
            cursor.copy(
                f"COPY click ({spooled.record().columns}) FROM STDIN (FORMAT binary)"
            ) as copy,
        ):
            copy.write(spooled.record(*expected).copied)
        loading = threading.Thread(target=drain.drain, args=[directory, fresh_db.url])
        loading.start()
        eventually(lambda: waits(fresh_db), within_s=10)
        getattr(late, outcome)()
    loading.join(timeout=10)
    assert (stored(), list(directory.iterdir())) == (sorted(expected), [])


def waits(fresh_db):
    """Whether the drainer waits for somebody's lock."""
    with psycopg.connect(fresh_db.url) as other:
        return other.execute(
            "SELECT count(*) FROM pg_stat_activity"
            " WHERE application_name = 'tracker drain' AND wait_event_type = 'Lock'"
        ).fetchone()[0]


def test_while_the_database_is_away_everything_stays(fresh_db, directory):
    path = spooled.put(directory, spooled.record(uuid7()))
    assert not drain.drain(directory, "postgresql://nobody@127.0.0.1:1/none")
    assert path.exists()


def test_drainers_that_are_killed_and_compete_load_every_row_once(fresh_db, directory, tmp_path):
    expected = ids(200 * KILLS)
    for at in range(0, len(expected), 40):
        spooled.put(directory, *[spooled.record(id) for id in expected[at : at + 40]])
    # What is deleted comes back, as after a kill between the commit and the deletion.
    back = shutil.copytree(directory, tmp_path / "back")
    chance = random.Random(3)
    for _ in range(KILLS):
        before = len(list(directory.iterdir()))
        rivals = [drainer(fresh_db, directory) for _ in range(2)]
        eventually(lambda: len(list(directory.iterdir())) < before, within_s=60)  # noqa: B023
        time.sleep(chance.uniform(0, 0.05))
        for rival in rivals:
            rival.kill()
            rival.wait()
        lost = chance.sample(sorted(back.iterdir()), 3)
        for path in lost:
            shutil.copy(path, directory)
    assert drain.drain(directory, fresh_db.url)
    assert (stored(), list(directory.iterdir())) == (sorted(expected), [])


def test_a_drainer_finds_new_files_and_ends_when_it_is_told_to(fresh_db, directory, tmp_path):
    log = tmp_path / "drainer.log"
    with log.open("wb") as output:
        process = drainer(fresh_db, directory, log=output)
        try:
            for count in (1, 2):
                spooled.put(directory, spooled.record(uuid7()))
                eventually(lambda: len(stored()) == count, within_s=20)  # noqa: B023
            process.send_signal(signal.SIGTERM)
            assert process.wait(timeout=10) == 0, log.read_text()
        finally:
            process.kill()
            process.wait()
    assert "Traceback" not in log.read_text()


def manage(directory, *words, **settings):
    """`manage.py tracker` on this directory: (exit code, what it printed)."""
    ran = subprocess.run(
        [sys.executable, "manage.py", "tracker", *words],
        cwd=ROOT,
        env=os.environ
        | {"SPOOL_DIR": str(directory), "DATABASE_URL": "postgresql://nobody@127.0.0.1:1/none"}
        | settings,
        check=False,
        capture_output=True,
        text=True,
    )
    return ran.returncode, ran.stdout


def test_the_status_of_nothing_is_fine_also_without_a_database(directory):
    code, said = manage(directory, "status", "--json")
    assert (code, json.loads(said)["files"], json.loads(said)["alarms"]) == (0, 0, [])


def test_the_status_counts_what_waits(directory):
    first = spooled.put(directory, spooled.record(*ids(3)), spooled.record(*ids(4)))
    os.utime(first, (time.time() - 100,) * 2)
    second = spooled.put(directory, spooled.record(*ids(1)))
    with second.open("rb") as writer:
        assert backlog.hold(writer.fileno())
        code, said = manage(directory, "status", "--json")
        _, table = manage(directory, "status")
    found = json.loads(said)
    assert code == 0
    assert (found["files"], found["rows"], found["held"]) == (2, 8, 1)
    assert found["bytes"] == first.stat().st_size + second.stat().st_size
    assert 100 <= found["oldest_s"] < 200
    assert "2, of which 1 in use" in table
    assert table.endswith("fine\n")


def test_the_status_raises_an_alarm_for_what_needs_a_person(directory):
    path = spooled.put(directory, spooled.record(uuid7()))
    size = path.stat().st_size
    assert backlog.look(directory, bytes_max=2 * size).alarms == []
    code, said = manage(directory, "status", SPOOL_BYTES_MAX=str(size))
    assert (code, "ALARM: more than 80% of the bound is taken" in said) == (1, True)
    os.utime(path, (0, 0))
    for suffix, alarm in (
        (".spool", "a file waits for more than 300 s"),
        (".damaged", "there are damaged files"),
        (".rejected", "there are rejected rows"),
    ):
        path = path.rename(path.with_suffix(suffix))
        assert backlog.look(directory, bytes_max=2 * size).alarms == [alarm]


def test_draining_once_says_what_it_could_not_do(fresh_db, directory):
    spooled.put(directory, spooled.record(uuid7()))
    assert manage(directory, "drain", "--once")[0] == 1
    assert manage(directory, "drain", "--once", DATABASE_URL=fresh_db.url)[0] == 0
    assert len(stored()) == 1
