"""Drafts of payout runs: who is due what, out of which commissions, and who is left out and why."""

from datetime import datetime
from typing import Any, Final

from django.db import connection, transaction
from django.db.backends.utils import CursorWrapper

from network import clock
from network.crypto import Unreadable
from network.errors import BadInput, Conflict, CurrencyMismatch
from network.money import Money, minor_step
from partners import payees
from partners.actors import Actor
from partners.letters import PayeeUnfit
from partners.models import PayeeMethod
from payouts import rails
from payouts.models import PayoutRun
from payouts.rails.base import Rail

# One run of a currency is built at a time: the second one sees what the first has claimed.
_ALONE: Final = "SELECT pg_advisory_xact_lock(hashtextextended('payout_run:' || %s, 0))"

# Candidates are read once: a commission released between two looks would be in a payout's sum and
# not among its lines. A reversal goes in whatever the cutoff, or it would be owed and not netted.
_PAYABLE: Final = """
CREATE TEMP TABLE run_payable ON COMMIT DROP AS
SELECT commission.id AS commission_id, commission.affiliate_id, commission.commission_micros
FROM commission_payable JOIN commission ON commission.id = commission_payable.commission_id
WHERE commission.currency = %(currency)s
    AND (released_at <= %(cutoff_at)s OR commission_micros < 0)
"""

_CARRIED: Final = """
CREATE TEMP TABLE run_carried ON COMMIT DROP AS
SELECT source.id AS source_id, source.affiliate_id, left_over.part, left_over.micros
FROM payout source
CROSS JOIN LATERAL (VALUES
    ('rest', source.carry_out_micros, source.state IN ('sent', 'settled', 'rejected')),
    ('returned', source.net_minor * source.minor_micros, source.state = 'rejected')
) AS left_over (part, micros, free)
WHERE source.currency = %(currency)s AND left_over.free AND left_over.micros > 0
    AND NOT EXISTS (
        SELECT FROM payout_carry carry
        WHERE carry.source_id = source.id AND carry.part = left_over.part)
"""

_DUE: Final = """
CREATE TEMP TABLE run_due ON COMMIT DROP AS
SELECT affiliate.id AS affiliate_id, method.id AS payee_method_id,
    sums.lines_micros, sums.carried_micros, sums.lines_micros + sums.carried_micros AS micros,
    CASE
        WHEN affiliate.status <> 'active' THEN 'affiliate_inactive'
        WHEN sums.lines_micros + sums.carried_micros < 0 THEN 'negative'
        WHEN (sums.lines_micros + sums.carried_micros) / %(step)s < %(minimum_minor)s
            THEN 'below_minimum'
        WHEN method.id IS NULL THEN 'no_payee_method'
        WHEN method.usable_from > %(now)s THEN 'payee_cool_off'
    END AS skipped
FROM (
    SELECT affiliate_id, sum(line)::bigint AS lines_micros, sum(carry)::bigint AS carried_micros
    FROM (
        SELECT affiliate_id, commission_micros AS line, 0 AS carry FROM run_payable
        UNION ALL
        SELECT affiliate_id, 0, micros FROM run_carried
    ) parts
    GROUP BY affiliate_id HAVING bool_or(line <> 0 OR carry <> 0)
) sums
JOIN affiliate ON affiliate.id = sums.affiliate_id
LEFT JOIN payee_method method ON method.affiliate_id = affiliate.id AND superseded_at IS NULL
"""

_PAYEES: Final = """
SELECT method.* FROM run_due JOIN payee_method method ON method.id = run_due.payee_method_id
WHERE skipped IS NULL
"""

_LEAVE_OUT: Final = """
UPDATE run_due SET skipped = 'payee_unfit' WHERE affiliate_id = ANY(%s)
"""

_PAYOUTS: Final = """
INSERT INTO payout (run_id, affiliate_id, payee_method_id, currency, minor_micros, lines_micros,
    carry_in_micros, net_minor, carry_out_micros, state)
SELECT %(run)s, affiliate_id, payee_method_id, %(currency)s, %(step)s, lines_micros,
    carried_micros, micros / %(step)s, micros %% %(step)s, 'draft'
FROM run_due WHERE skipped IS NULL ORDER BY affiliate_id
"""

_LINES: Final = """
INSERT INTO payout_line (commission_id, payout_id, amount_micros)
SELECT run_payable.commission_id, payout.id, run_payable.commission_micros
FROM payout JOIN run_payable ON run_payable.affiliate_id = payout.affiliate_id
WHERE payout.run_id = %(run)s
"""

_CLAIMED: Final = """
DELETE FROM commission_payable USING run_payable, payout
WHERE commission_payable.commission_id = run_payable.commission_id
    AND payout.affiliate_id = run_payable.affiliate_id AND payout.run_id = %(run)s
"""

_CARRIES: Final = """
INSERT INTO payout_carry (source_id, part, payout_id, amount_micros)
SELECT run_carried.source_id, run_carried.part, payout.id, run_carried.micros
FROM payout JOIN run_carried ON run_carried.affiliate_id = payout.affiliate_id
WHERE payout.run_id = %(run)s
"""

_SKIPS: Final = """
INSERT INTO payout_skip (run_id, affiliate_id, reason, amount_micros)
SELECT %(run)s, affiliate_id, skipped, micros
FROM run_due WHERE skipped IS NOT NULL ORDER BY affiliate_id
"""

_TOTALS: Final = """
UPDATE payout_run SET
    payouts_count = (SELECT count(*) FROM payout WHERE run_id = %(run)s),
    total_minor = (SELECT coalesce(sum(net_minor), 0) FROM payout WHERE run_id = %(run)s),
    lines_count = %(lines)s
WHERE id = %(run)s
"""


class NothingToPay(Conflict):
    """Nobody can be paid in this currency now; `skipped` counts the reasons."""

    code = "nothing_to_pay"


class CutoffInFuture(BadInput):
    """A run takes what was released up to an instant that has passed."""

    code = "cutoff_in_future"


def build(
    *,
    currency: str,
    actor: Actor,
    minimum: Money | None = None,
    cutoff_at: datetime | None = None,
) -> PayoutRun:
    """Claim all that is payable in a currency, up to a cutoff, in a draft run.

    A payee is in it whole or not at all: commissions, reversals, and what earlier payouts left or
    the bank returned. Who is left out is listed with the reason: affiliate_inactive, negative,
    below_minimum (`minimum` in whole minor units, and never less than one), no_payee_method,
    payee_cool_off, payee_unfit. Raises CurrencyMismatch, NoRail, DebtorNotSet, CutoffInFuture,
    PersonRequired, and NothingToPay, which is also the answer to the second of two builds at once.
    """
    rail = rails.serving(currency)
    minimum = minimum or Money(0, currency)
    if minimum.currency != currency:
        raise CurrencyMismatch(pointer="/minimum/currency")
    rail.check_debtor()
    now = clock.now()
    cutoff_at = cutoff_at or now
    if cutoff_at > now:
        raise CutoffInFuture(pointer="/cutoff_at")
    run = PayoutRun(
        currency=currency,
        cutoff_at=cutoff_at,
        minimum_minor=max(minimum.to_minor_floor()[0], 1),
        maker_id=actor.person_id(),
        created_at=now,
    )
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(_ALONE, [currency])
        run.save(force_insert=True)
        _fill(cursor, run, rail)
        run.refresh_from_db()
        if not run.payouts_count:
            raise NothingToPay(members={"skipped": _reasons(cursor)})
        # Not left to the commit: a caller's transaction may build another run.
        cursor.execute("DROP TABLE run_payable, run_carried, run_due")
    return run


def _fill(cursor: CursorWrapper, run: PayoutRun, rail: Rail) -> None:
    values: dict[str, Any] = {
        "run": run.pk,
        "currency": run.currency,
        "cutoff_at": run.cutoff_at,
        "minimum_minor": run.minimum_minor,
        "step": minor_step(run.currency),
        "now": run.created_at,
    }
    for statement in (_PAYABLE, _CARRIED, "ANALYZE run_payable", _DUE):
        cursor.execute(statement, values)
    cursor.execute(_LEAVE_OUT, [_unfit(rail)])
    cursor.execute(_PAYOUTS, values)
    cursor.execute(_LINES, values)
    values["lines"] = cursor.rowcount
    for statement in (_CLAIMED, _CARRIES, _SKIPS, _TOTALS):
        cursor.execute(statement, values)


def _unfit(rail: Rail) -> list[int]:
    """The affiliates that the rail cannot pay: found now, not when the run is approved."""
    return [
        method.affiliate_id
        for method in PayeeMethod.objects.raw(_PAYEES)
        if not _fits(rail, method)
    ]


def _fits(rail: Rail, method: PayeeMethod) -> bool:
    try:
        rail.check_payee(holder=method.holder, town=method.town, iban=payees.open_account(method))
    except (PayeeUnfit, Unreadable):
        return False
    return True


def _reasons(cursor: CursorWrapper) -> dict[str, int]:
    cursor.execute("SELECT skipped, count(*) FROM run_due GROUP BY skipped ORDER BY skipped")
    return dict(cursor.fetchall())
