"""The invariants of the books, J1 to J12: each a query that returns what violates it.

Three have nothing to look at yet, and say what they wait for.
"""

from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, Final

from django.db import connection

from network import clock
from network.currencies import EXPONENTS
from network.money import minor_step

# More than anybody reads; a violation is one too many already.
ROWS_MAX: Final = 100
SILENT_FOR: Final = timedelta(hours=24)

_BALANCED: Final = """
SELECT journal.id AS journal_id, entry.currency, coalesce(sum(entry.amount_micros), 0) AS micros
FROM journal LEFT JOIN entry ON entry.journal_id = journal.id
GROUP BY journal.id, entry.currency
HAVING count(entry.journal_id) = 0 OR sum(entry.amount_micros) <> 0
"""

# What each commission and release has to have posted, against the entries, journal by journal.
# Journal 0 stands for the batches that came to nothing.
_TIED_OUT: Final = """
WITH part AS (
    SELECT journal_id, 'advertiser_prepaid' AS kind, advertiser_id AS owner_id, currency,
        revenue_micros AS micros FROM commission
    UNION ALL SELECT journal_id, 'network_revenue', 0, currency, -revenue_micros FROM commission
    UNION ALL SELECT journal_id, 'commission_expense', 0, currency, commission_micros
        FROM commission
    UNION ALL SELECT journal_id, 'affiliate_held', affiliate_id, currency, -commission_micros
        FROM commission
    UNION ALL SELECT release.journal_id, 'affiliate_held', affiliate_id, currency,
        commission_micros FROM commission_release release JOIN commission ON id = commission_id
    UNION ALL SELECT release.journal_id, 'affiliate_payable', affiliate_id, currency,
        -commission_micros FROM commission_release release JOIN commission ON id = commission_id
), expected AS (
    SELECT coalesce(journal_id, 0) AS journal_id, kind, owner_id, currency, sum(micros) AS micros
    FROM part GROUP BY 1, 2, 3, 4 HAVING sum(micros) <> 0
), posted AS (
    SELECT entry.journal_id, account.kind, account.owner_id, entry.currency,
        entry.amount_micros AS micros
    FROM entry
    JOIN journal ON journal.id = entry.journal_id AND journal.kind IN ('accrual', 'release')
    JOIN ledger_account account ON account.id = entry.account_id
)
SELECT journal_id, kind, owner_id, currency,
    expected.micros AS expected_micros, posted.micros AS posted_micros
FROM expected FULL JOIN posted USING (journal_id, kind, owner_id, currency)
WHERE expected.micros IS DISTINCT FROM posted.micros
"""

# The same for whole accounts, so that no journal of another kind can be slipped in between.
_EXPLAINED: Final = """
WITH part AS (
    SELECT 'bank' AS kind, 0 AS owner_id, currency, amount_micros AS micros FROM deposit
    UNION ALL SELECT 'bank', 0, payout.currency, -net_minor * minor_micros
        FROM payout WHERE state = 'settled'
    UNION ALL SELECT 'advertiser_prepaid', advertiser_id, currency, -amount_micros FROM deposit
    UNION ALL SELECT 'advertiser_prepaid', advertiser_id, currency, revenue_micros FROM commission
    UNION ALL SELECT 'network_revenue', 0, currency, -revenue_micros FROM commission
    UNION ALL SELECT 'commission_expense', 0, currency, commission_micros FROM commission
    UNION ALL SELECT 'affiliate_held', affiliate_id, currency, -commission_micros FROM commission
        WHERE NOT EXISTS (SELECT FROM commission_release WHERE commission_id = commission.id)
    UNION ALL SELECT 'affiliate_payable', affiliate_id, currency, -commission_micros
        FROM commission_release JOIN commission ON id = commission_id
    UNION ALL SELECT 'affiliate_payable', affiliate_id, currency, net_minor * minor_micros
        FROM payout WHERE state IN ('locked', 'sent', 'settled')
    UNION ALL SELECT 'affiliate_in_payout', affiliate_id, currency, -net_minor * minor_micros
        FROM payout WHERE state IN ('locked', 'sent')
), expected AS (
    SELECT kind, owner_id, currency, sum(micros) AS micros FROM part GROUP BY 1, 2, 3
), posted AS (
    SELECT account.kind, account.owner_id, account.currency, sum(entry.amount_micros) AS micros
    FROM entry JOIN ledger_account account ON account.id = entry.account_id GROUP BY 1, 2, 3
)
SELECT kind, owner_id, currency,
    expected.micros AS expected_micros, posted.micros AS posted_micros
FROM expected FULL JOIN posted USING (kind, owner_id, currency)
WHERE coalesce(expected.micros, 0) <> coalesce(posted.micros, 0)
"""

_STEPS: Final = ", ".join(f"('{code}', {minor_step(code)})" for code in EXPONENTS)
_WHOLE: Final = f"""
SELECT entry.journal_id, entry.currency, entry.amount_micros AS micros
FROM entry
JOIN ledger_account account ON account.id = entry.account_id AND account.kind = 'bank'
JOIN (VALUES {_STEPS}) AS minor (currency, step) ON minor.currency = entry.currency
WHERE mod(entry.amount_micros, minor.step) <> 0
"""

_BALANCES: Final = """
WITH posted AS (
    SELECT account.id AS account_id, -sum(entry.amount_micros) AS micros
    FROM entry JOIN ledger_account account ON account.id = entry.account_id
    WHERE account.kind IN ('advertiser_prepaid', 'affiliate_payable')
    GROUP BY account.id
)
SELECT account_id, kept.balance_micros, posted.micros AS posted_micros
FROM account_balance kept FULL JOIN posted USING (account_id)
WHERE coalesce(kept.balance_micros, 0) <> coalesce(posted.micros, 0)
"""

_PAYOUTS: Final = """
WITH lines AS (
    SELECT payout_id, sum(amount_micros) AS micros FROM payout_line GROUP BY payout_id
), carries AS (
    SELECT payout_id, sum(amount_micros) AS micros FROM payout_carry GROUP BY payout_id
)
SELECT payout.id AS payout_id, lines_micros, lines.micros AS sum_of_lines_micros,
    carry_in_micros, carries.micros AS sum_of_carries_micros
FROM payout
LEFT JOIN lines ON lines.payout_id = payout.id
LEFT JOIN carries ON carries.payout_id = payout.id
WHERE state <> 'cancelled' AND (
    lines_micros <> coalesce(lines.micros, 0) OR carry_in_micros <> coalesce(carries.micros, 0)
    OR lines_micros + carry_in_micros <> net_minor * minor_micros + carry_out_micros)
"""

_RUNS: Final = """
WITH found AS (
    SELECT run_id, count(*) AS payouts, sum(net_minor) AS minor FROM payout GROUP BY run_id
)
SELECT run.id AS run_id, run.total_minor, found.minor AS payouts_minor,
    file.total_minor AS file_minor, run.payouts_count, found.payouts, file.count AS file_count
FROM payout_run run
LEFT JOIN found ON found.run_id = run.id
LEFT JOIN payment_file file ON file.run_id = run.id
WHERE run.total_minor <> coalesce(found.minor, 0) OR run.payouts_count <> coalesce(found.payouts, 0)
    OR file.total_minor <> run.total_minor OR file.count <> run.payouts_count
    OR (run.state NOT IN ('draft', 'cancelled')
        AND run.content_sha256 IS DISTINCT FROM payout_run_content(run.id))
"""

_CLEARING: Final = """
WITH posted AS (
    SELECT split_part(journal.idem_key, ':', 2)::bigint AS payout_id,
        sum(entry.amount_micros) AS clearing_micros
    FROM journal
    JOIN entry ON entry.journal_id = journal.id
    JOIN ledger_account account ON account.id = entry.account_id
    WHERE journal.kind IN ('payout_accept', 'payout_settle', 'payout_reject')
        AND account.kind = 'payout_clearing'
    GROUP BY 1
)
SELECT payout.id AS payout_id, payout.state, posted.clearing_micros
FROM payout
LEFT JOIN posted ON posted.payout_id = payout.id
LEFT JOIN bank_booking booking ON booking.payout_id = payout.id
WHERE payout.state IN ('settled', 'rejected') AND coalesce(posted.clearing_micros, 0) <> 0
    OR (payout.state = 'settled') <> (booking.id IS NOT NULL)
    OR booking.amount_minor <> payout.net_minor
"""

_COMPLETE: Final = """
SELECT 'share without commission or hand-off' AS fault, share.id
FROM conversion_share share
WHERE NOT EXISTS (SELECT FROM commission WHERE commission.id = share.id)
    AND NOT EXISTS (
        SELECT FROM handoff WHERE handoff.event_id = share.event_id AND consumer = 'payouts')
UNION ALL
SELECT 'commission whose hand-off still waits', commission.id
FROM handoff JOIN commission ON commission.event_id = handoff.event_id
WHERE consumer = 'payouts'
UNION ALL
SELECT 'commission unlike its share', commission.id
FROM commission LEFT JOIN conversion_share share ON share.id = commission.id
    AND share.affiliate_id = commission.affiliate_id AND share.currency = commission.currency
    AND share.revenue_micros = commission.revenue_micros
    AND share.commission_micros = commission.commission_micros
WHERE share.id IS NULL
UNION ALL
SELECT 'commission neither held nor released, or both', commission.id
FROM commission
LEFT JOIN commission_hold hold ON hold.commission_id = commission.id
LEFT JOIN commission_release release ON release.commission_id = commission.id
WHERE (hold.commission_id IS NULL) = (release.commission_id IS NULL)
UNION ALL
SELECT 'commission payable and in a payout, or neither though released', commission.id
FROM commission
LEFT JOIN commission_release release ON release.commission_id = commission.id
LEFT JOIN commission_payable payable ON payable.commission_id = commission.id
LEFT JOIN payout_line line ON line.commission_id = commission.id
WHERE (payable.commission_id IS NOT NULL)
    <> (release.commission_id IS NOT NULL AND line.commission_id IS NULL)
UNION ALL
SELECT 'approved conversion without a share', conversion.id
FROM conversion
WHERE status = 'approved' AND NOT is_test
    AND NOT EXISTS (SELECT FROM conversion_share WHERE conversion_id = conversion.id)
UNION ALL
SELECT 'conversion unlike its shares', conversion.id
FROM conversion JOIN (
    SELECT conversion_id, sum(revenue_micros) AS revenue, sum(commission_micros) AS commission
    FROM conversion_share WHERE role = 'base' GROUP BY conversion_id
) shares ON shares.conversion_id = conversion.id
WHERE status IN ('approved', 'reversed')
    AND (revenue_micros <> revenue OR commission_micros <> commission)
"""

_SILENT: Final = """
SELECT idem_key, changed_at FROM payment_attempt WHERE state = 'unknown' AND changed_at < %(since)s
"""

_FUNDS: Final = """
SELECT advertiser_id, currency, sum(available) AS available_micros, sum(covered) AS covered_micros
FROM (
    SELECT advertiser_id, currency, available_micros AS available, 0 AS covered FROM funds
    UNION ALL SELECT account.owner_id, account.currency, 0, -entry.amount_micros
        FROM entry JOIN ledger_account account ON account.id = entry.account_id
        WHERE account.kind = 'advertiser_prepaid'
    UNION ALL SELECT advertiser_id, currency, 0, -reserved_micros
        FROM conversion WHERE reserved_micros <> 0
    UNION ALL SELECT share.advertiser_id, share.currency, 0, -share.revenue_micros
        FROM handoff JOIN conversion_share share ON share.event_id = handoff.event_id
        WHERE handoff.consumer = 'payouts'
) parts
GROUP BY advertiser_id, currency HAVING sum(available) <> sum(covered)
"""


@dataclass(frozen=True, slots=True)
class Check:
    """An invariant: a query for what violates it, or why there is nothing to look at yet."""

    code: str
    title: str
    query: str = ""
    not_applicable: str = ""


@dataclass(frozen=True, slots=True)
class Finding:
    """What a check found: `clean`, `violated` with up to ROWS_MAX rows, or `not applicable`."""

    check: Check
    rows: list[dict[str, Any]] = field(default_factory=list)

    @property
    def status(self) -> str:
        """The result in a word or two."""
        if self.check.not_applicable:
            return "not applicable"
        return "violated" if self.rows else "clean"


CHECKS: Final = (
    Check("J1", "every journal sums to zero in each currency", _BALANCED),
    Check("J2", "commissions and releases equal their entries, by journal", _TIED_OUT),
    Check("J2", "every account equals the rows behind it", _EXPLAINED),
    Check("J2", "what the bank booked is whole minor units", _WHOLE),
    Check("J3", "kept balances equal the sum of entries", _BALANCES),
    Check("J4", "every payout equals its lines and carries", _PAYOUTS),
    Check("J5", "every run equals its payouts, its file and its hash", _RUNS),
    Check("J6", "nothing is in clearing for an answered payout", _CLEARING),
    Check("J7", "conversions equal their shares, each one commission or to be", _COMPLETE),
    Check("J8", "margins keep their floor", not_applicable="no margin floor is set"),
    Check(
        "J9",
        "the bank's balance equals its statement",
        not_applicable="bank statements are not imported",
    ),
    Check("J10", "no attempt has been without an answer for a day", _SILENT),
    Check(
        "J11",
        "seals of closed periods recompute",
        not_applicable="periods are not closed or sealed",
    ),
    Check("J12", "free funds equal cover less promises", _FUNDS),
)


def verify() -> list[Finding]:
    """Look at everything; each check is one statement, so it may run beside the jobs."""
    return [_look(check) for check in CHECKS]


def _look(check: Check) -> Finding:
    if check.not_applicable:
        return Finding(check)
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT * FROM ({check.query}) violation LIMIT %(rows)s",
            {"rows": ROWS_MAX, "since": clock.now() - SILENT_FOR},
        )
        names = [column.name for column in cursor.description or ()]
        return Finding(check, [dict(zip(names, row, strict=True)) for row in cursor.fetchall()])
