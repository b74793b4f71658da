"""No two ids are the same, whoever makes them."""

import multiprocessing
from concurrent.futures import ThreadPoolExecutor
from uuid import RFC_4122, UUID

from network.ids import uuid7_bytes

MS = 1_234_567_890_123


def many(number=2_000):
    return [uuid7_bytes(MS) for _ in range(number)]


def test_every_id_has_its_time_version_and_variant():
    for raw in many():
        id = UUID(bytes=raw)
        assert (id.int >> 80, id.version, id.variant) == (MS, 7, RFC_4122)


def test_every_other_bit_is_one_in_some_and_zero_in_others():
    ids = [int.from_bytes(raw) for raw in many()]
    ones, zeros = 0, 0
    for id in ids:
        ones, zeros = ones | id, zeros | ~id
    chance = (1 << 80) - 1 & ~(0xF << 76) & ~(0b11 << 62)
    assert ones & zeros == chance


def test_threads_never_make_the_same():
    with ThreadPoolExecutor(8) as threads:
        made = [id for part in threads.map(many, [20_000] * 8) for id in part]
    assert len(set(made)) == len(made) == 160_000


def test_a_forked_process_makes_others_than_its_parent():
    uuid7_bytes(MS)  # what is drawn ahead is there when it forks
    here = multiprocessing.get_context("fork")
    with here.Pool(2) as children:
        made = [id for part in children.map(many, [500] * 4) for id in part] + many(500)
    assert len(set(made)) == len(made)
