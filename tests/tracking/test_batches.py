"""Group commit: what arrives meanwhile makes up the next batch, and each gets its own result."""

import asyncio

import pytest

from network.errors import Unavailable
from tracking.batches import Batches


def run(story, settle, **limits):
    """Run `story(batches)`; `settle` gets the items of each batch."""

    async def main():
        batches = Batches(settle, **({"batch_max": 100, "waiting_max": 100} | limits))
        task = asyncio.create_task(batches.run())
        try:
            async with asyncio.timeout(5):
                return await story(batches)
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    return asyncio.run(main())


class Slow:
    """Doubles numbers, slowly, and remembers the batches."""

    def __init__(self):
        self.batches = []

    async def __call__(self, items):
        self.batches.append(items)
        await asyncio.sleep(0.01)
        return [item * 2 for item in items]


def test_what_arrives_while_a_batch_is_under_way_is_settled_together():
    slow = Slow()

    async def story(batches):
        first = batches.add(1)
        await asyncio.sleep(0.001)
        return [await each for each in (first, *(batches.add(number) for number in range(2, 6)))]

    assert run(story, slow) == [2, 4, 6, 8, 10]
    assert slow.batches == [[1], [2, 3, 4, 5]]


def test_a_batch_has_a_largest_size():
    slow = Slow()

    async def story(batches):
        return await asyncio.gather(*(batches.add(number) for number in range(5)))

    assert run(story, slow, batch_max=2) == [0, 2, 4, 6, 8]
    assert slow.batches == [[0, 1], [2, 3], [4]]


def test_too_many_waiting_are_refused():
    async def story(batches):
        with pytest.raises(Unavailable):
            [batches.add(number) for number in range(3)]

    run(story, Slow(), waiting_max=2)


def test_each_item_may_fail_alone_and_a_batch_as_a_whole():
    async def halves(items):
        if "all" in items:
            raise Unavailable()
        return [Unavailable() if item == "bad" else item for item in items]

    async def story(batches):
        alone = await asyncio.gather(
            batches.add("good"), batches.add("bad"), return_exceptions=True
        )
        whole = await asyncio.gather(
            batches.add("all"), batches.add("good"), return_exceptions=True
        )
        return [type(each).__name__ for each in (*alone, *whole)]

    assert run(story, halves) == ["str", "Unavailable", "Unavailable", "Unavailable"]


def test_who_goes_away_does_not_hurt_the_others():
    async def story(batches):
        leaver, stayer = batches.add(1), batches.add(2)
        leaver.cancel()
        return await stayer

    assert run(story, Slow()) == 4


def test_after_a_batch_of_few_the_next_one_gathers_a_little():
    slow = Slow()

    async def story(batches):
        await asyncio.gather(batches.add(1), batches.add(2))
        third = batches.add(3)
        await asyncio.sleep(0.005)
        await asyncio.gather(third, batches.add(4))

    run(story, slow, few=10, linger_s=0.02)
    assert slow.batches == [[1, 2], [3, 4]]


def test_draining_waits_for_what_is_under_way():
    slow = Slow()

    async def story(batches):
        waiting = batches.add(1)
        await batches.drain(patience_s=2)
        return waiting.done()

    assert run(story, slow)


def test_at_the_end_nobody_is_left_waiting():
    async def forever(items):
        await asyncio.sleep(60)

    async def main():
        batches = Batches(forever, batch_max=1, waiting_max=10)
        task = asyncio.create_task(batches.run())
        waiting = [batches.add(1), batches.add(2)]
        await asyncio.sleep(0.01)
        task.cancel()
        told = await asyncio.gather(task, *waiting, return_exceptions=True)
        return [type(each).__name__ for each in told[1:]]

    assert asyncio.run(main()) == ["Unavailable", "Unavailable"]


def test_a_giver_who_cannot_be_told_stops_nobody_else():
    async def story(batches):
        def fail(result):
            raise ValueError(result)

        batches.give(1, fail)
        return await batches.add(2), await batches.add(3)

    assert run(story, Slow()) == (4, 6)
