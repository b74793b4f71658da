"""The spool: what is in a file comes out of it, damage shows, and a full disk loses nothing."""

import asyncio
import errno
import os
import resource
import stat
import struct
from contextlib import contextmanager
from datetime import date
from uuid import UUID
from zlib import crc32

import pytest
from hypothesis import given
from hypothesis import strategies as st
from structlog.testing import capture_logs

from network import binary
from network.errors import Unavailable
from network.ids import uuid7
from tests.tracking import spooled
from tracking.clicks import backlog, spool, spool_records
from tracking.clicks.spool import Spool
from tracking.clicks.spool_records import Record, UnknownFormat

RECORDS = st.lists(
    st.builds(
        Record,
        kind=st.sampled_from(["click", "impression"]),
        columns=st.sampled_from(["id, ts", "id"]),
        format=st.sampled_from(["binary", "text"]),
        days=st.frozensets(st.dates(), max_size=3),
        size=st.integers(0, 2**32 - 1),
        rows=st.binary(),
    ),
    max_size=5,
)
# What was written once: whoever changes the format must still read it.
OF_TEXT = bytes.fromhex(
    "706572616374696f6e2073706f6f6c20310a"
    "fffe520a00000043000000024a819c55f72cecd77b226b696e64223a22636c69636b222c22636f6c756d6e73223a"
    "2269642c207473222c2264617973223a5b22323032362d31312d3236225d7d0a610962090a6309640a"
)
OF_BINARY = bytes.fromhex(
    "706572616374696f6e2073706f6f6c20320a"
    "fffe520a00000088000000025678d88178cf4df67b226b696e64223a22636c69636b222c22636f6c756d6e73223a"
    "2269642c207473222c22666f726d6174223a2262696e617279222c2264617973223a5b22323032362d31312d3237"
    "225d7d0a000200000010000000000000000000000000000000010000000800000000000000020002000000100000"
    "0000000000000000000000000003ffffffff"
)


def ends(found):
    """Where in a file the head and each of these records end."""
    places = [len(spool_records.FILE_HEAD)]
    for record in found:
        places.append(places[-1] + len(spool_records.encode(record)))
    return places


@given(RECORDS)
def test_what_goes_in_comes_out(found):
    assert spool_records.decode(spooled.contents(*found)) == (found, False)


@given(RECORDS, st.data())
def test_a_file_cut_anywhere_holds_the_whole_records_before_the_cut(found, data):
    whole = spooled.contents(*found)
    cut = data.draw(st.integers(len(spool_records.FILE_HEAD), len(whole)))
    complete = sum(end <= cut for end in ends(found)) - 1
    assert spool_records.decode(whole[:cut]) == (found[:complete], False)
    assert spool_records.decode(whole[:cut] + bytes(100_000)) == (
        found[:complete],
        cut not in ends(found),
    )


@given(RECORDS.filter(bool), st.data())
def test_damage_anywhere_costs_one_record_and_is_noticed(found, data):
    broken = bytearray(spooled.contents(*found))
    place = data.draw(st.integers(len(spool_records.FILE_HEAD), len(broken) - 1))
    broken[place] ^= data.draw(st.integers(1, 255))
    hit = sum(end <= place for end in ends(found)) - 1
    assert spool_records.decode(bytes(broken)) == (found[:hit] + found[hit + 1 :], True)


def test_a_row_that_looks_like_a_head_hides_no_record_behind_damage():
    before, hit, after = [spooled.record(uuid7()) for _ in range(3)]
    head = struct.pack(">4sIII", b"\xff\xfeR\n", 2**31, 1, 0)
    hit = hit._replace(rows=hit.rows + head + struct.pack(">I", crc32(head)))
    broken = spooled.contents(before, hit, after).replace(hit.rows, b"x" + hit.rows[1:])
    assert spool_records.decode(broken) == ([before, after], True)


def test_damage_in_the_first_line_costs_nothing_and_is_noticed():
    found = [spooled.record(uuid7()), spooled.record(uuid7())]
    assert spool_records.decode(b"P" + spooled.contents(*found)[1:]) == (found, True)


def test_another_version_is_not_guessed_at():
    with pytest.raises(UnknownFormat, match="spool 3"):
        spool_records.decode(b"peraction spool 3\nwhatever it is")


def test_a_release_that_takes_all_rows_for_text_leaves_our_files_alone():
    assert not spooled.contents().startswith(b"peraction spool 1\n")


@pytest.mark.parametrize(
    ("data", "format", "day", "rows"),
    [
        (OF_TEXT, "text", date(2026, 11, 26), b"a\tb\t\nc\td\n"),
        (
            OF_BINARY,
            "binary",
            date(2026, 11, 27),
            binary.row(binary.raw(UUID(int=1).bytes), binary.number(2))
            + binary.row(binary.raw(UUID(int=3).bytes), binary.NULL),
        ),
    ],
    ids=["text", "binary"],
)
def test_what_was_written_once_is_read_for_ever(data, format, day, rows):
    record = Record("click", "id, ts", format, frozenset([day]), 2, rows)
    assert spool_records.decode(data) == ([record], False)


@given(RECORDS, st.integers(0, 400))
def test_rows_are_counted_by_the_heads_of_whole_records(tmp_path_factory, found, lost):
    path = tmp_path_factory.mktemp("count") / "file"
    whole = spooled.contents(*found)
    cut = max(len(whole) - lost, len(spool_records.FILE_HEAD))
    path.write_bytes(whole[:cut])
    with path.open("rb") as file:
        counted = spool_records.count_rows(file)
    readable = spool_records.decode(whole[:cut]).records
    assert counted == sum(each.size for each in readable)


def run(directory, story, *, bytes_max=2**20):
    """Run `story(spool)` on this directory."""

    async def main():
        subject = Spool(directory, bytes_max=bytes_max)
        try:
            return await story(subject)
        finally:
            subject.close()

    return asyncio.run(main())


def loaded(directory):
    """What the files of a directory hold, in order; none is damaged."""
    readings = [spool_records.decode(path.read_bytes()) for path in backlog.paths(directory)]
    assert not any(reading.damaged for reading in readings)
    return [record for reading in readings for record in reading.records]


def test_rows_are_in_the_file_when_append_returns(tmp_path):
    first, second = spooled.record(uuid7()), spooled.record(uuid7(), uuid7())

    async def story(subject):
        await subject.append([first])
        assert loaded(tmp_path / "spool") == [first]
        await subject.append([second, first])
        assert loaded(tmp_path / "spool") == [first, second, first]

    run(tmp_path / "spool", story)
    (path,) = backlog.paths(tmp_path / "spool")
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700


def test_a_file_is_held_until_all_is_done(tmp_path):
    async def story(subject):
        await subject.append([spooled.record(uuid7())])
        held = []
        for done in (False, True):
            await subject.tend(done=done)
            (path,) = backlog.paths(tmp_path)
            with backlog.seized(path) as file:
                held.append(file is None)
        await subject.append([spooled.record(uuid7())])
        return held

    assert run(tmp_path, story) == [True, False]
    assert len(backlog.paths(tmp_path)) == 2


@pytest.mark.parametrize("limit", ["FILE_MAX_S", "FILE_BYTES_MAX"])
def test_no_file_is_kept_from_the_drainer_for_long(tmp_path, monkeypatch, limit):
    monkeypatch.setattr(spool, limit, 0)

    async def story(subject):
        for _ in range(3):
            await subject.append([spooled.record(uuid7())])
            await subject.tend(done=False)

    run(tmp_path, story)
    assert len(backlog.paths(tmp_path)) == len(loaded(tmp_path)) == 3


def test_what_would_pass_the_bound_is_refused_and_the_rest_is_taken(tmp_path):
    record = spooled.record(uuid7())
    size = len(spool_records.encode(record))

    async def story(subject):
        await subject.append([record])
        await subject.append([record])
        assert subject.has_room
        with pytest.raises(Unavailable):
            await subject.append([record])
        assert not subject.has_room

    run(tmp_path, story, bytes_max=3 * size - 1)
    assert loaded(tmp_path) == [record, record]


def test_files_of_other_processes_count_too(tmp_path):
    path = spooled.put(tmp_path, spooled.record(uuid7()))
    size = path.stat().st_size

    async def story(subject):
        await subject.tend(done=True)
        assert (subject.bytes, subject.files, subject.has_room) == (size, 1, True)
        with pytest.raises(Unavailable):
            await subject.append([spooled.record(uuid7())])

    run(tmp_path, story, bytes_max=size + 10)


def test_the_alarm_rings_once_for_each_crossing(tmp_path):
    path = spooled.put(tmp_path, spooled.record(uuid7()))

    async def story(subject):
        for size in (79, 80, 90, 79, 80):
            path.write_bytes(bytes(size))
            await subject.tend(done=True)

    with capture_logs() as logs:
        run(tmp_path, story, bytes_max=100)
    assert [entry["bytes"] for entry in logs if entry["event"] == "spool.filling"] == [80, 80]


def test_a_spool_of_no_bytes_takes_nothing(tmp_path):
    async def story(subject):
        await subject.tend(done=False)
        assert not subject.has_room
        with pytest.raises(Unavailable):
            await subject.append([spooled.record(uuid7())])

    run(tmp_path / "spool", story, bytes_max=0)
    assert not (tmp_path / "spool").exists()


def test_without_a_usable_directory_nothing_is_taken(tmp_path):
    (tmp_path / "file").write_text("")

    async def story(subject):
        await subject.tend(done=False)
        assert not subject.has_room
        with pytest.raises(Unavailable):
            await subject.append([spooled.record(uuid7())])

    run(tmp_path / "file" / "spool", story)


@contextmanager
def largest_file(size):
    """No file of this process grows beyond this many bytes."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_a_write_that_does_not_fit_is_cut_off_and_what_was_taken_stays(tmp_path):
    first, second, large = (spooled.record(*(uuid7() for _ in range(n))) for n in (1, 1, 50))
    room = len(spooled.contents(first, second)) + 10

    async def story(subject):
        await subject.append([first])
        with largest_file(room):
            for _ in range(2):
                with pytest.raises(Unavailable):
                    await subject.append([large])
            assert not subject.has_room
            await subject.append([second])
        assert subject.has_room

    run(tmp_path, story)
    (path,) = backlog.paths(tmp_path)
    assert path.read_bytes() == spooled.contents(first, second)


def test_a_file_that_cannot_be_begun_leaves_nothing_behind(tmp_path):
    async def story(subject):
        with largest_file(5), pytest.raises(Unavailable):
            await subject.append([spooled.record(uuid7())])
        assert list(tmp_path.iterdir()) == []
        await subject.append([spooled.record(uuid7())])

    run(tmp_path, story)
    assert len(loaded(tmp_path)) == 1


def test_after_a_failed_sync_a_file_takes_nothing_more(tmp_path, monkeypatch):
    first, lost, second = (spooled.record(uuid7()) for _ in range(3))

    def fails(_fd):
        raise OSError(errno.EIO, "Input/output error")

    async def story(subject):
        await subject.append([first])
        with monkeypatch.context() as patched:
            patched.setattr(os, "fdatasync", fails)
            with pytest.raises(Unavailable):
                await subject.append([lost])
        await subject.append([second])

    run(tmp_path, story)
    abandoned, fresh = backlog.paths(tmp_path)
    assert spool_records.decode(abandoned.read_bytes()).records[0] == first
    assert fresh.read_bytes() == spooled.contents(second)


def test_a_disk_that_hangs_is_given_up_and_taken_up_again(tmp_path, monkeypatch):
    monkeypatch.setattr(spool, "APPEND_MAX_S", 0.1)

    async def story(subject):
        await subject.append([spooled.record(uuid7())])
        hanging = asyncio.Event()
        loop = asyncio.get_running_loop()

        def hangs():
            asyncio.run_coroutine_threadsafe(hanging.wait(), loop).result()

        subject._thread.submit(hangs)
        for _ in range(3):
            with pytest.raises(Unavailable):
                await subject.append([spooled.record(uuid7())])
        hanging.set()
        await asyncio.sleep(0.05)
        await subject.append([spooled.record(uuid7())])

    run(tmp_path, story)
    assert len(loaded(tmp_path)) == 2
