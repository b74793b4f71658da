"""One commit in one message: all of it or nothing, whatever comes in between."""

import asyncio
import socket

import psycopg
import pytest
from psycopg.rows import scalar_row

from partners import places
from partners.models import CapWindow
from tests import factories
from tests.factories import claims_of
from tracking.clicks.commit import commit

ONE, TWO = "COPY one FROM STDIN", "COPY two FROM STDIN"
SOME_MB = b"".join(b"%d\t%s\n" % (number, b"x" * 1_000) for number in range(12_000))


@pytest.fixture
def database(fresh_db):
    """A database with two tables of numbers, once each."""
    with psycopg.connect(fresh_db.owner_url) as owner:
        for name in ("one", "two"):
            owner.execute(f"CREATE TABLE {name} (number bigint PRIMARY KEY, word text)")
            owner.execute(f"GRANT ALL ON {name} TO PUBLIC")
    return fresh_db


def talk(database, story):
    """What `story(connection)` gives."""

    async def run():
        async with asyncio.timeout(30):
            own = await psycopg.AsyncConnection.connect(database.url, autocommit=True)
            async with own:
                return await story(own)

    return asyncio.run(run())


def rows(database, table="one"):
    with psycopg.connect(database.owner_url, row_factory=scalar_row) as owner:
        return owner.execute(f"SELECT number FROM {table} ORDER BY 1").fetchall()


def in_turn(*lines):
    """Gives these lines, one after the other."""
    left = list(lines)
    return lambda results: left.pop(0)


def test_two_kinds_of_rows_in_one_message_are_one_transaction(database):
    assert talk(database, lambda own: commit(own, [ONE, TWO], in_turn(b"1\ta\n", b"2\tb\n")))
    with psycopg.connect(database.owner_url) as owner:
        found = owner.execute("SELECT xmin FROM one UNION SELECT xmin FROM two").fetchall()
    assert (rows(database), rows(database, "two"), len(found)) == ([1], [2], 1)


def test_a_copy_knows_what_the_statements_before_it_answered(database):
    async def story(own):
        told = []

        def lines(results):
            told.append([result.get_value(0, 0) for result in results if result.ntuples])
            return b"%d\ta\n" % len(told)

        await commit(own, ["SELECT 7", ONE, "SELECT 8", TWO], lines)
        return told

    assert talk(database, story) == [[b"7"], [b"7", b"8"]]


@pytest.mark.parametrize(
    ("lines", "error"),
    [
        ((b"1\ta\n", b"no number\tb\n"), psycopg.DataError),
        ((b"no number\ta\n", b"2\tb\n"), psycopg.DataError),
        ((b"1\ta\n", b"2\tb\n2\tb\n"), psycopg.IntegrityError),
        ((b"1\ta\n", b"2\t\0\n"), psycopg.DataError),
        ((b"1\ta\n", b"2\t\xff\n"), psycopg.DataError),
        ((b"1\ta\n", b"2\n"), psycopg.DataError),
        ((b"1\ta\n", b"no number\tb\n" + SOME_MB), psycopg.DataError),
        ((b"no number\tb\n" + SOME_MB, b""), psycopg.DataError),
    ],
)
def test_a_bad_row_takes_nothing_and_leaves_the_connection_as_it_was(database, lines, error):
    async def story(own):
        with pytest.raises(error):
            await commit(own, [ONE, TWO], in_turn(*lines))
        return await commit(own, [ONE], in_turn(b"5\tnext\n"))

    assert talk(database, story)
    assert (rows(database), rows(database, "two")) == ([5], [])


@pytest.mark.parametrize("given", [(None,), (b"1\ta\n", None)])
def test_without_lines_all_is_taken_back(database, given):
    async def story(own):
        first = await commit(own, ["INSERT INTO one VALUES (9)", ONE, TWO], in_turn(*given))
        return first, await commit(own, [ONE], in_turn(b"5\tnext\n"))

    assert talk(database, story) == (False, True)
    assert (rows(database), rows(database, "two")) == ([5], [])


def test_places_are_taken_back_with_the_rows(database):
    cap = factories.make_cap(limit=10)
    (claim,) = claims_of(cap)
    window = CapWindow.objects.create(
        cap=cap, key="", starts_at=claim[1], ends_at=claim[3], limit_count=10
    )

    async def story(own):
        taking = places.taking(own, {claim: 4})
        told = []

        def lines(results):
            told.append(results[0].get_value(0, 0))
            return None if len(told) == 1 else b"%d\ta\n" % len(told)

        done = [await commit(own, [taking, ONE], lines) for _ in range(3)]
        with pytest.raises(psycopg.DataError):
            await commit(own, [taking, ONE], in_turn(b"no number\n"))
        return done, told

    done, told = talk(database, story)
    assert (done, told) == ([False, True, True], [b"{0,10}", b"{0,10}", b"{4,10}"])
    window.refresh_from_db()
    assert (window.used, rows(database)) == (8, [2, 3])


def test_who_is_cancelled_by_another_has_not_taken_anything_back(database):
    cancel = "SELECT pg_cancel_backend(pg_backend_pid()), pg_sleep(5)"

    async def story(own):
        with pytest.raises(psycopg.errors.QueryCanceled):
            await commit(own, [cancel, ONE], in_turn(b"1\ta\n"))

    talk(database, story)
    assert rows(database) == []


def end_others(database, own):
    """End the connection from outside, as a server does that is stopped."""
    with psycopg.connect(database.url, autocommit=True) as other:
        other.execute("SELECT pg_terminate_backend(%s, 5000)", [own.info.backend_pid])


def hang_up(database, own):
    """End the connection without a word."""
    with socket.socket(fileno=own.fileno()) as line:
        line.shutdown(socket.SHUT_RDWR)
        line.detach()


@pytest.mark.parametrize("end", [end_others, hang_up])
@pytest.mark.parametrize("given", [b"1\ta\n", SOME_MB, None])
def test_a_server_that_is_lost_in_the_middle_is_an_operational_error(database, end, given):
    async def story(own):
        def lines(results):
            end(database, own)
            return given

        with pytest.raises(psycopg.OperationalError):
            await commit(own, [ONE], lines)
        with pytest.raises(psycopg.OperationalError):
            await commit(own, [ONE], in_turn(b"2\tb\n"))

    talk(database, story)
    assert rows(database) == []


def test_more_than_a_socket_takes_arrives(database):
    talk(database, lambda own: commit(own, [ONE, TWO], in_turn(SOME_MB, SOME_MB)))
    assert rows(database) == rows(database, "two") == list(range(12_000))


def test_nothing_is_a_copy_too(database):
    assert talk(database, lambda own: commit(own, [ONE], in_turn(b"")))
    assert rows(database) == []
