"""The story: six weeks, three hours at a time, up to the present instant."""

from collections.abc import Iterator, Sequence
from datetime import datetime, time, timedelta
from functools import partial
from random import Random
from typing import Final
from uuid import UUID

from django.db import connection

from network import clock
from network.progress import say, step
from partners import funds, snapshot
from payouts import bank, commissions
from payouts.demo import cast, network, payday, visitors
from payouts.demo.desk import Desk
from payouts.demo.network import Network
from payouts.demo.shops import Order, Shops
from payouts.demo.timetable import Action, Agenda, StoryClock, story_clock
from payouts.demo.visitors import Visitors
from tracking.clicks import repeats
from tracking.conversions import room
from tracking.postbacks import deliveries
from tracking.validation import judge

WEEKS: Final = 6
# Shops report and the judge looks at the end of each, the other jobs at noon and midnight.
_STRETCH: Final = timedelta(hours=3)
_HOURS_OF_WORK: Final = 12
_MORNING: Final = time(9, 30)
_SEED: Final = "peraction demo"


def tell() -> None:
    """Everything from the first person to the run that waits, by the verbs that everybody uses."""
    until = clock.now()
    began = datetime.combine(until.date(), time(), until.tzinfo) - timedelta(weeks=WEEKS)
    with story_clock() as hand:
        hand.move_to(began)
        with step("people, offers and links", "made"):
            people = network.assemble()
            visitors.make_partitions(began, until)
        story = _Story(people, hand, began=began, until=until)
        for week in range(WEEKS):
            story.live_through(week)
        with step("a payout run", "waits for its second person"):
            story.end()


class _Story:
    """What goes on in the network while time goes by."""

    def __init__(
        self, people: Network, hand: StoryClock, *, began: datetime, until: datetime
    ) -> None:
        random = Random(_SEED)
        self._network = people
        self._clock = hand
        self._began = began
        self._until = until
        self._agenda: Agenda[Action] = Agenda()
        self._orders: Agenda[Order] = Agenda()
        self._visitors = Visitors(random, people.placements, began)
        self._shops = Shops(random)
        self._desk = Desk(random, people, self._agenda)
        self._reports = 0
        self._plan()

    def live_through(self, week: int) -> None:
        """One week of clicks, reports, decisions and jobs; the last one ends with the story."""
        clicks, reports = 0, self._reports
        first = self._began + timedelta(weeks=week)
        end = self._until if week == WEEKS - 1 else first + timedelta(weeks=1)
        with step(f"week {week + 1} from {first:%Y-%m-%d}", "lived"):
            for since, until in _stretches(first, end):
                clicks += self._live_through(since, until)
        say(f"    {clicks:,} clicks, {self._reports - reports:,} reports")

    def end(self) -> None:
        """Bring the books up to date and leave a run to be approved."""
        self._clock.move_to(self._until)
        _work()
        payday.build(self._network)

    def _plan(self) -> None:
        """What happens on certain days whatever the visitors do."""
        self._desk.pay_in()
        _work()
        for week in range(1, WEEKS):
            pay_in = partial(self._desk.pay_in, last=week == WEEKS - 1)
            self._agenda.add(self._working_day(week * 7), pay_in)
        for day in range(WEEKS * 7):
            self._agenda.add(self._working_day(day), self._desk.work_through_pile)
        for days, action in (
            (22, partial(network.revoke, self._network, *cast.REVOKED)),
            (25, partial(payday.pay, self._network)),
            (28, partial(payday.settle, self._network)),
            (31, partial(network.pause, self._network, cast.PAUSED)),
            (39, partial(network.apply_late, self._network)),
        ):
            self._agenda.add(self._working_day(days), action)

    def _working_day(self, days: int) -> datetime:
        """In the morning of the day that comes so many days after the first, or of the Monday."""
        before = self._began.date() + timedelta(days=days - 1)
        day = bank.next_working_day(before)
        return datetime.combine(day, _MORNING, self._began.tzinfo)

    def _live_through(self, since: datetime, until: datetime) -> int:
        """One stretch; how many clicks came."""
        current = snapshot.current(connection.connection)
        clicks, visits = self._visitors.come(since, until, current)
        for visit in visits:
            for order in self._shops.orders(visit):
                self._orders.add(order.at, order)
        self._clock.move_to(until)
        self._report(list(self._orders.until(until)))
        judge.judge_due()
        for action in self._agenda.until(until):
            action()
        if until.hour % _HOURS_OF_WORK == 0:
            _work()
        return clicks

    def _report(self, orders: Sequence[Order]) -> None:
        current = snapshot.current(connection.connection)
        answers = self._shops.report(orders, current, clock.now())
        self._reports += len(answers)
        for order, answer in zip(orders, answers, strict=True):
            conversion_id = answer.body.get("conversion")
            if answer.body["code"] == "accepted" and isinstance(conversion_id, UUID):
                self._desk.read(conversion_id, order)


def _stretches(since: datetime, until: datetime) -> Iterator[tuple[datetime, datetime]]:
    while since < until:
        end = min(since + _STRETCH, until)
        yield since, end
        since = end


def _work() -> None:
    """Everything that beat would have started, once, as often as there is something to do."""
    while judge.judge_due():
        pass
    for pair in room.waiting_pairs():
        while room.give(*pair):
            pass
    with connection.cursor() as cursor:
        funds.flip_funded(cursor)
    while deliveries.consume():
        pass
    repeats.sweep(connection.connection, clock.now())
    while commissions.accrue():
        pass
    while commissions.release():
        pass
