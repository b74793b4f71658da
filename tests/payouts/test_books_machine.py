"""Random walks over the real verbs, beside a model in plain integers; the books agree at each step.

`make test` walks 3,000 steps, `make test-long` half a million.
"""

from collections import Counter, defaultdict
from dataclasses import dataclass, field
from datetime import timedelta

import pytest
from django.db import connection, transaction
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule
from hypothesis.stateful import run_state_machine_as_test as walk

from network import clock as network_clock
from network.money import Money
from payouts import commissions, drafts, payments, runs
from payouts.models import PayoutRun
from payouts.refusals import ClawedBack, SelfApproval
from payouts.verify import CHECKS
from tests import factories
from tests.environment import LONG
from tests.payouts.earning import booking, deposit, earn, make_payee, reverse

STEPS = 500_000 if LONG else 3_000
STEPS_OF_A_WALK = 50
# Some walks end early.
WALKS = STEPS // STEPS_OF_A_WALK * 6 // 5
CENT = 10_000
MICROS = st.integers(0, 30_000_000)
PICK = st.integers(0, 999)


@dataclass
class Earning:
    """A conversion in the model: what of it is left to reverse, and when its hold ends."""

    earned: object
    affiliate: int
    advertiser: int
    revenue: int
    commission: int
    release_at: object


@dataclass
class Planned:
    """A payout in the model."""

    net: int
    rest: int
    lines: list
    carries: list
    state: str = "draft"


@dataclass
class Model:
    """The whole business in Python integers, in micros."""

    available: Counter = field(default_factory=Counter)
    prepaid: Counter = field(default_factory=Counter)
    bank: int = 0
    revenue: int = 0
    expense: int = 0
    waiting: list = field(default_factory=list)
    held: list = field(default_factory=list)
    unlined: dict = field(default_factory=lambda: defaultdict(list))
    carries: dict = field(default_factory=lambda: defaultdict(list))
    payable: Counter = field(default_factory=Counter)
    in_payout: Counter = field(default_factory=Counter)
    runs: dict = field(default_factory=dict)

    def balances(self):
        """Every account that is not empty, debit positive."""
        held = Counter()
        for affiliate, micros, _ in self.held:
            held[affiliate] += micros
        found = {
            ("bank", 0): self.bank,
            ("network_revenue", 0): -self.revenue,
            ("commission_expense", 0): self.expense,
            **{("advertiser_prepaid", id): -micros for id, micros in self.prepaid.items()},
            **{("affiliate_held", id): -micros for id, micros in held.items()},
            **{("affiliate_payable", id): -micros for id, micros in self.payable.items()},
            **{("affiliate_in_payout", id): -micros for id, micros in self.in_payout.items()},
        }
        return {account: micros for account, micros in found.items() if micros}


class Books(RuleBasedStateMachine):
    """The verbs as rules; whatever is refused has to be what the model expects."""

    clock = fred = gina = None
    steps = Counter()

    def __init__(self):
        super().__init__()
        self.transaction = transaction.atomic()
        self.transaction.__enter__()
        self.began = network_clock.now()
        self.model = Model()
        self.advertisers = [factories.make_advertiser() for _ in range(2)]
        self.affiliates = [factories.make_affiliate() for _ in range(3)]
        for affiliate in self.affiliates:
            make_payee(affiliate)
        self.earnings = []

    def teardown(self):
        transaction.set_rollback(True)
        self.transaction.__exit__(None, None, None)
        self.clock.set(self.began)

    def run_in(self, pick, *states):
        """One of the runs in these states."""
        fitting = [id for id, (state, _) in self.model.runs.items() if state in states]
        return fitting[pick % len(fitting)] if fitting else None

    def any_run(*states):
        return precondition(
            lambda self: any(state in states for state, _ in self.model.runs.values())
        )

    @rule(pick=PICK, cents=st.integers(1, 100_000))
    def deposit(self, pick, cents):
        advertiser = self.advertisers[pick % 2]
        deposit(advertiser, Money(cents * CENT, "EUR").text(), self.fred.actor)
        self.model.available[advertiser.pk] += cents * CENT
        self.model.prepaid[advertiser.pk] += cents * CENT
        self.model.bank += cents * CENT

    @rule(pick=PICK, revenue=MICROS, commission=MICROS, days=st.integers(0, 3))
    def approve_conversion(self, pick, revenue, commission, days):
        advertiser, affiliate = self.advertisers[pick % 2], self.affiliates[pick % 3]
        if revenue > self.model.available[advertiser.pk]:
            return  # tracking would have called it unfunded
        earned = earn(
            affiliate,
            advertiser,
            Money(commission, "EUR").text(),
            revenue=Money(revenue, "EUR").text(),
            held_for=timedelta(days=days),
        )
        self.model.available[advertiser.pk] -= revenue
        earning = Earning(
            earned, affiliate.pk, advertiser.pk, revenue, commission, earned.share.release_at
        )
        self.earnings.append(earning)
        self.model.waiting.append((earning, 1, revenue, commission))

    @precondition(lambda self: self.earnings)
    @rule(pick=PICK, percent=st.integers(1, 100))
    def reverse_conversion(self, pick, percent):
        earning = self.earnings[pick % len(self.earnings)]
        revenue = earning.revenue * percent // 100
        commission = earning.commission * percent // 100
        reverse(
            earning.earned,
            Money(commission, "EUR").text(),
            revenue=Money(revenue, "EUR").text(),
        )
        earning.revenue -= revenue
        earning.commission -= commission
        self.model.available[earning.advertiser] += revenue
        self.model.waiting.append((earning, -1, revenue, commission))

    @rule()
    def accrue(self):
        while commissions.accrue():
            pass
        for earning, sign, revenue, commission in self.model.waiting:
            self.model.prepaid[earning.advertiser] -= sign * revenue
            self.model.revenue += sign * revenue
            self.model.expense += sign * commission
            self.model.held.append((earning.affiliate, sign * commission, earning.release_at))
        self.model.waiting.clear()

    @rule(days=st.integers(0, 2))
    def wait_and_release(self, days):
        self.clock.forward(days=days, seconds=1)
        commissions.release()
        now = network_clock.now()
        due = [each for each in self.model.held if each[2] <= now]
        self.model.held = [each for each in self.model.held if each[2] > now]
        for affiliate, micros, _ in due:
            self.model.payable[affiliate] += micros
            self.model.unlined[affiliate].append(micros)

    @rule(minimum_minor=st.sampled_from([0, 0, 500]))
    def build(self, minimum_minor):
        planned = {}
        for affiliate in self.affiliates:
            lines, carries = self.model.unlined[affiliate.pk], self.model.carries[affiliate.pk]
            total = sum(lines) + sum(carries)
            if total // CENT >= max(minimum_minor, 1):
                planned[affiliate.pk] = Planned(*divmod(total, CENT), lines, carries)
        try:
            run = drafts.build(
                currency="EUR",
                minimum=Money.from_minor(minimum_minor, "EUR"),
                actor=self.fred.actor,
            )
        except drafts.NothingToPay:
            assert not planned
            return
        assert {
            each.affiliate_id: (each.net_minor, each.carry_out_micros) for each in run.payouts.all()
        } == {affiliate: (payout.net, payout.rest) for affiliate, payout in planned.items()}
        for affiliate in planned:
            self.model.unlined[affiliate], self.model.carries[affiliate] = [], []
        self.model.runs[run.pk] = ("draft", planned)

    @any_run("draft")
    @rule(pick=PICK)
    def lock(self, pick):
        id = self.run_in(pick, "draft")
        _, planned = self.model.runs[id]
        short = any(
            self.model.payable[affiliate] < payout.net * CENT
            for affiliate, payout in planned.items()
        )
        try:
            runs.lock(run_id=id, actor=self.fred.actor)
        except ClawedBack:
            assert short
            return
        assert not short
        self.set_aside(planned, 1)
        self.model.runs[id] = ("locked", planned)

    @any_run("locked")
    @rule(pick=PICK)
    def approve(self, pick):
        id = self.run_in(pick, "locked")
        sha256 = PayoutRun.objects.get(pk=id).content_sha256
        with pytest.raises(SelfApproval):
            runs.approve(run_id=id, content_sha256=sha256, actor=self.fred.actor)
        runs.approve(run_id=id, content_sha256=sha256, actor=self.gina.actor)
        self.model.runs[id] = ("approved", self.model.runs[id][1])

    @any_run("draft", "locked", "approved")
    @rule(pick=PICK)
    def cancel(self, pick):
        id = self.run_in(pick, "draft", "locked", "approved")
        state, planned = self.model.runs.pop(id)
        runs.cancel(run_id=id, actor=self.gina.actor)
        if state != "draft":
            self.set_aside(planned, -1)
        for affiliate, payout in planned.items():
            self.model.unlined[affiliate] += payout.lines
            self.model.carries[affiliate] += payout.carries

    @any_run("approved")
    @rule(pick=PICK)
    def send(self, pick):
        id = self.run_in(pick, "approved")
        payments.render(run_id=id, actor=self.fred.actor)
        planned = self.model.runs[id][1]
        for affiliate, payout in planned.items():
            payout.state = "sent"
            self.leave(affiliate, payout.rest)
        self.model.runs[id] = ("sent", planned)

    @any_run("sent")
    @rule(pick=PICK, paid=st.booleans())
    def hear_from_the_bank(self, pick, paid):
        id = self.run_in(pick, "sent")
        planned = self.model.runs[id][1]
        affiliate = sorted(who for who, payout in planned.items() if payout.state == "sent")[0]
        net = planned[affiliate].net * CENT
        payout = PayoutRun.objects.get(pk=id).payouts.get(affiliate=affiliate)
        self.model.in_payout[affiliate] -= net
        if paid:
            payments.settle(run_id=id, bookings=[booking(payout)], actor=self.fred.actor)
            self.model.bank -= net
        else:
            payments.reject(payout_id=payout.pk, evidence="AC04", actor=self.fred.actor)
            self.model.payable[affiliate] += net
            self.leave(affiliate, net)
        planned[affiliate].state = "answered"
        done = all(payout.state == "answered" for payout in planned.values())
        assert (PayoutRun.objects.get(pk=id).state == "done") == done
        if done:
            del self.model.runs[id]

    def set_aside(self, planned, sign):
        """Rule 7, or 13 with the sign turned."""
        for affiliate, payout in planned.items():
            self.model.payable[affiliate] -= sign * payout.net * CENT
            self.model.in_payout[affiliate] += sign * payout.net * CENT

    def leave(self, affiliate, micros):
        """What a payout leaves for a later one."""
        if micros:
            self.model.carries[affiliate].append(micros)

    @invariant()
    def the_books_agree(self):
        self.steps["walked"] += 1
        with connection.cursor() as cursor:
            # Whatever waits for the commit is looked at now: this transaction never commits.
            cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
            cursor.execute("SET CONSTRAINTS ALL DEFERRED")
            cursor.execute("EXECUTE books")
            assert {(kind, owner): micros for kind, owner, micros in cursor.fetchall()} == (
                self.model.balances()
            )
            cursor.execute("EXECUTE funds")
            available = {id: micros for id, micros in self.model.available.items() if micros}
            assert dict(cursor.fetchall()) == available
            cursor.execute("EXECUTE invariants")
            assert cursor.fetchall() == []


PREPARED = {
    "books": "SELECT kind, owner_id, sum(amount_micros)::bigint FROM entry "
    "JOIN ledger_account account ON account.id = account_id "
    "GROUP BY kind, owner_id HAVING sum(amount_micros) <> 0",
    "funds": "SELECT advertiser_id, available_micros FROM funds WHERE available_micros <> 0",
    # Prepared, and without J10, which looks at the age of attempts and not at money.
    "invariants": " UNION ALL ".join(
        f"SELECT '{check.code}' AS code, to_jsonb(violation) FROM ({check.query}) violation"
        for check in CHECKS
        if check.query and check.code != "J10"
    ),
}


def test_the_books_agree_with_plain_integers_wherever_one_walks(fresh_db, clock, fred, gina):
    machine = type("Books", (Books,), {"clock": clock, "fred": fred, "gina": gina})
    with connection.cursor() as cursor:
        cursor.execute("SET plan_cache_mode = force_generic_plan")
        for name, query in PREPARED.items():
            cursor.execute(f"PREPARE {name} AS {query}")
        try:
            walk(
                machine,
                settings=settings(
                    max_examples=WALKS,
                    stateful_step_count=STEPS_OF_A_WALK,
                    deadline=None,
                    suppress_health_check=list(HealthCheck),
                    print_blob=True,
                ),
            )
        finally:
            cursor.execute("DEALLOCATE ALL")
    assert machine.steps["walked"] >= STEPS
