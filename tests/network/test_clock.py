"""Business time is real time plus the offset in a file."""

import os
import subprocess
import sys
from datetime import UTC, datetime, timedelta

import pytest

from network import clock as business
from network.ids import uuid7, uuid7_ms, uuid7_time

JUNE = datetime(1997, 6, 1, 12, 0, tzinfo=UTC)
A_WHILE = timedelta(seconds=5)


def test_without_an_offset_it_is_real_time():
    assert abs(business.now() - datetime.now(UTC)) < A_WHILE


def test_it_can_be_set_and_moved_on(clock):
    clock.set(JUNE)
    assert timedelta(0) <= business.now() - JUNE < A_WHILE
    clock.forward(days=1)
    assert timedelta(days=1) <= business.now() - JUNE < timedelta(days=1) + A_WHILE
    assert business.now_ms() // 1000 == int(business.now().timestamp())


def test_other_processes_see_it_too(clock):
    clock.set(JUNE)
    answer = subprocess.run(
        [sys.executable, "-c", "from network import clock; print(clock.now().isoformat())"],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert datetime.fromisoformat(answer.stdout.strip()) - JUNE < A_WHILE


@pytest.mark.parametrize(
    ("text", "offset_us"),
    [("0.1", 100_000), ("-86400", -86_400_000_000), ("913456789.000001\n", 913_456_789_000_001)],
)
def test_an_offset_is_read_to_the_microsecond(text, offset_us):
    assert business.parse_offset_us(text) == offset_us


@pytest.mark.parametrize("text", ["tomorrow", "NaN", "Infinity", "1 2"])
def test_what_is_no_number_is_an_error(text):
    with pytest.raises(ValueError, match="CLOCK_FILE"):
        business.parse_offset_us(text)


def test_a_file_between_truncating_and_writing_moves_nothing(clock):
    clock.set(JUNE)
    business.now()
    os.truncate(os.environ["CLOCK_FILE"], 0)
    assert business.now() - JUNE < A_WHILE


def test_ids_carry_the_business_time(clock):
    clock.set(JUNE)
    id = uuid7()
    assert id.version == 7
    assert timedelta(0) <= uuid7_time(id) - JUNE < A_WHILE
    assert uuid7_ms(id) == int(uuid7_time(id).timestamp() * 1000)


def test_later_ids_sort_behind(clock):
    early = uuid7()
    clock.forward(seconds=1)
    assert uuid7() > early
    assert len({uuid7() for _ in range(10_000)}) == 10_000
