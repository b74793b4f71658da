"""Real trackers whose database goes away: nobody is refused, and every answer is stored once."""

import random
import resource
import statistics
import time
from collections import Counter

import psycopg
import pytest

from network.progress import say
from tests.environment import LONG
from tests.running import eventually
from tests.tracking.host import Visitors, host

ROUNDS = 100
AWAY_S = (5, 60)[LONG]
# 500 a second are asked for; a machine that does much else at the same time manages fewer.
ANSWERED_PER_S = (200, 450)[LONG]


@pytest.fixture(scope="module")
def spooling(tmp_path_factory):
    """A host whose spool is on."""
    with host(tmp_path_factory.mktemp("host")) as found:
        yield found


def check(found, visitors, *, before=0, in_flight=0):
    """Every answered click is stored once, and of the unanswered at most those in flight."""
    eventually(found.drained, within_s=60, says="the spool was never empty")
    stored = Counter(found.clicks())
    assert set(stored.values()) == {1}
    assert set(visitors.answered) <= stored.keys()
    assert len(stored) - before - len(visitors.answered) <= in_flight


def begin(found):
    """Everything runs and nothing waits; how many clicks are stored."""
    eventually(found.drained, within_s=60)
    return len(found.clicks())


def spools(found):
    """Whether something is in the spool."""
    return any(path.stat().st_size > 100 for path in found.spool.glob("*.spool"))


def start_tracker(found, visitors):
    """Start it; how many were refused until it was ready: without a configuration all are."""
    before = len(visitors.refused)
    found.start("tracker")
    # Who was refused at the last moment counts it in a moment.
    time.sleep(0.05)
    return len(visitors.refused) - before


def test_a_database_that_is_killed_and_comes_back_fails_no_redirect(spooling):
    before = begin(spooling)
    visitors = Visitors(spooling.port)
    with visitors.clicking():
        time.sleep(0.5)
        spooling.kill("postgres")
        time.sleep(AWAY_S)
        ready, health = spooling.ready()
        assert (ready, health["clicks"], health["spool"]["has_room"]) == (200, "spooling", True)
        assert min(health["spool"]["bytes"], health["spool"]["files"]) > 0
        answered = len(visitors.answered)
        spooling.start("postgres")
        eventually(lambda: len(visitors.answered) > answered + 500, within_s=30)
    assert (visitors.refused, visitors.unanswered) == ([], 0)
    assert len(visitors.answered) > ANSWERED_PER_S * AWAY_S
    check(spooling, visitors, before=before)
    figures(f"{AWAY_S} s without PostgreSQL", visitors)


def test_a_commit_that_hangs_is_spooled_and_stored_once(spooling):
    # Today's partition is there, and the connection too.
    with Visitors(spooling.port, threads=1, per_s=100).clicking():
        time.sleep(0.2)
    before = begin(spooling)
    with psycopg.connect(spooling.postgres.superuser_url("peraction")) as other:
        other.execute("LOCK TABLE click IN ACCESS EXCLUSIVE MODE")
        visitors = Visitors(spooling.port, threads=4, per_s=200)
        with visitors.clicking():
            time.sleep(2)
        assert visitors.refused == []
        # The first batch waits for its commit; those behind it no longer do, but for a try.
        assert 0.2 < max(visitors.waits_s) < 1.0
        assert statistics.median(visitors.waits_s) < 0.1
        assert spools(spooling)
        other.rollback()
    check(spooling, visitors, before=before)


def test_a_tracker_that_is_killed_while_it_spools_loses_no_answer(spooling):
    before = begin(spooling)
    visitors = Visitors(spooling.port, threads=8, per_s=2_000)
    in_flight = refused = 0
    with visitors.clicking():
        for _ in range(3):
            spooling.kill("postgres")
            eventually(lambda: spools(spooling), within_s=20)
            time.sleep(random.uniform(0.1, 0.5))
            spooling.kill("tracker")
            in_flight += visitors.threads
            spooling.start("postgres")
            refused += start_tracker(spooling, visitors)
    assert visitors.refused == [503] * refused
    check(spooling, visitors, before=before, in_flight=in_flight)


def test_a_full_disk_answers_503_and_loses_nothing_that_was_answered(spooling):
    before = begin(spooling)
    visitors = Visitors(spooling.port, threads=8)
    before_limit = resource.prlimit(spooling.worker(), resource.RLIMIT_FSIZE)
    resource.prlimit(spooling.worker(), resource.RLIMIT_FSIZE, (50_000, before_limit[1]))
    spooling.kill("postgres")
    with visitors.clicking():
        eventually(lambda: len(visitors.refused) > 50, within_s=30)
        assert spooling.ready()[0] == 503
        resource.prlimit(spooling.worker(), resource.RLIMIT_FSIZE, before_limit)
        refused = len(visitors.refused)
        answered = len(visitors.answered)
        eventually(lambda: len(visitors.answered) > answered + 50, within_s=30)
        assert len(visitors.refused) - refused < 50
        assert spooling.ready()[0] == 200
        spooling.start("postgres")
    assert set(visitors.refused) == {503}
    assert len(visitors.answered) > 50
    check(spooling, visitors, before=before)


def test_memory_does_not_grow_while_the_database_is_away(spooling):
    def resident_kib():
        with open(f"/proc/{spooling.worker()}/status") as status:
            (line,) = [line for line in status if line.startswith("VmRSS")]
        return int(line.split()[1])

    before = begin(spooling)
    spooling.kill("postgres")
    visitors = Visitors(spooling.port)
    with visitors.clicking():
        eventually(lambda: len(visitors.answered) > 500, within_s=30)
        warm_kib = resident_kib()
        eventually(lambda: len(visitors.answered) > 1_500 * (1, 10)[LONG], within_s=120)
        grown_kib = resident_kib() - warm_kib
    spooling.start("postgres")
    assert visitors.refused == []
    assert grown_kib < 4_096
    check(spooling, visitors, before=before)


@pytest.mark.skipif(not LONG, reason="a hundred rounds of kills take many minutes")
@pytest.mark.parametrize("bytes_max", [str(2**30), "0"], ids=["spool", "no spool"])
def test_a_hundred_kills_lose_no_answer_and_double_none(tmp_path, bytes_max):
    chance = random.Random(11)
    with host(tmp_path, SPOOL_BYTES_MAX=bytes_max) as found:
        visitors = Visitors(found.port)
        in_flight = refused = 0
        with visitors.clicking():
            for number in range(ROUNDS):
                time.sleep(chance.uniform(0.05, 1.5))
                victims = [("tracker", "drainer", "postgres")[number % 3]]
                if number % 7 == 0:
                    victims = ["postgres", "tracker"]
                for victim in victims:
                    found.kill(victim)
                time.sleep(chance.uniform(0, 1))
                # A killed tracker leaves those in flight unanswered; without a spool so does
                # PostgreSQL, whose last commit nobody hears of.
                if victims != ["drainer"]:
                    in_flight += visitors.threads
                for victim in victims:
                    if victim == "tracker":
                        refused += start_tracker(found, visitors)
                    else:
                        found.start(victim)
        assert set(visitors.refused) <= {503}
        if bytes_max != "0":
            assert len(visitors.refused) == refused
        assert len(visitors.answered) > 10_000
        check(found, visitors, in_flight=in_flight)
        figures(f"{ROUNDS} kills, {bytes_max} bytes of spool", visitors)


def figures(what, visitors):
    """Print what a long run came to (shown with -s)."""
    waits_ms = sorted(1_000 * wait_s for wait_s in visitors.waits_s)
    say(
        f"\n{what}: {len(visitors.answered)} redirects, {len(visitors.refused)} refused,"
        f" {visitors.unanswered} without an answer; p50 {waits_ms[len(waits_ms) // 2]:.1f} ms,"
        f" p99 {waits_ms[len(waits_ms) * 99 // 100]:.1f} ms, most {waits_ms[-1]:.1f} ms"
    )
