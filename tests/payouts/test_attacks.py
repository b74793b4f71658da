"""What PostgreSQL itself refuses to the application's role, whatever the code above it does."""

import pytest
from django.db import DatabaseError, connection, transaction
from django.db.utils import IntegrityError, ProgrammingError

from network import clock
from payouts import drafts, payments, runs
from payouts.models import PayoutRun
from tests.payouts.earning import approved_run, payable, sent_run

HISTORY = (
    "approval",
    "bank_booking",
    "commission",
    "commission_release",
    "deposit",
    "entry",
    "journal",
    "ledger_account",
    "payment_file",
    "payout_line",
    "payout_line_release",
    "payout_carry",
    "payout_skip",
)


def attack(statement, *values):
    """Run a statement as the application's role, in a savepoint."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(statement, values)
        # What is only looked at when the transaction ends is looked at now.
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        cursor.execute("SET CONSTRAINTS ALL DEFERRED")


def first_id(table):
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT min(id) FROM {table}")
        return cursor.fetchone()[0]


@pytest.fixture
def settled(db, fred, gina, alice):
    """Books in which every table has a row."""
    payable(alice.affiliate, "10.005")
    run = sent_run(fred, gina)
    payable(alice.affiliate, "3")
    return run


@pytest.fixture
def draft(db, fred, alice):
    payable(alice.affiliate, "10")
    return drafts.build(currency="EUR", actor=fred.actor)


@pytest.fixture
def locked(draft, fred):
    return runs.lock(run_id=draft.pk, actor=fred.actor)


def test_the_tests_attack_as_the_application(db):
    with connection.cursor() as cursor:
        cursor.execute("SELECT current_user, usesuper FROM pg_user WHERE usename = current_user")
        assert cursor.fetchone() == ("peraction_app", False)


@pytest.mark.parametrize("table", HISTORY)
@pytest.mark.parametrize("statement", ["DELETE FROM {}", "TRUNCATE {}", "TRUNCATE {} CASCADE"])
def test_history_is_not_removed(settled, table, statement):
    with pytest.raises(ProgrammingError, match="permission denied"):
        attack(statement.format(table))


@pytest.mark.parametrize(
    ("table", "change"),
    [
        ("journal", "reason = 'x'"),
        ("entry", "amount_micros = amount_micros * 2"),
        ("commission", "commission_micros = commission_micros * 2"),
        ("commission", "affiliate_id = 1"),
        ("commission_release", "released_at = released_at - interval '1 day'"),
        ("deposit", "amount_micros = 1"),
        ("approval", "actor_id = maker_id"),
        ("payout", "net_minor = net_minor + 1"),
        ("payout", "payee_method_id = payee_method_id"),
        ("payout_run", "maker_id = maker_id + 1"),
        ("payout_line", "amount_micros = 1"),
        ("payout_carry", "amount_micros = 1"),
        ("payment_attempt", "idem_key = 'PO1A9'"),
        ("payment_file", "sha256 = ''"),
        ("bank_booking", "amount_minor = 1"),
        ("account_balance", "balance_micros = 1"),
        ("ledger_account", "owner_id = 1"),
        ("payee_method", "holder = 'Mallory'"),
    ],
)
def test_history_is_not_changed(settled, table, change):
    with pytest.raises(ProgrammingError, match="permission denied"):
        attack(f"UPDATE {table} SET {change}")


def test_kept_balances_are_nobodys_to_write(settled):
    for statement in ("DELETE FROM account_balance", "INSERT INTO account_balance VALUES (1, 1)"):
        with pytest.raises(ProgrammingError, match="permission denied"):
            attack(statement)


NEW_JOURNAL = """
WITH fresh AS (
    INSERT INTO journal (kind, idem_key, effective_at, posted_at, actor, reason)
    VALUES ('attack', 'attack', %s, %s, 'mallory', '') RETURNING id
)
"""


def test_an_unbalanced_journal_is_refused(settled):
    with pytest.raises(IntegrityError, match="does not balance"):
        attack(
            NEW_JOURNAL + "INSERT INTO entry (journal_id, account_id, currency, amount_micros) "
            "SELECT fresh.id, account.id, 'EUR', 5 FROM fresh, ledger_account account "
            "WHERE kind = 'bank'",
            clock.now(),
            clock.now(),
        )


def test_a_journal_without_entries_is_refused(settled):
    with pytest.raises(IntegrityError, match="has no entries"):
        attack(NEW_JOURNAL + "SELECT 1", clock.now(), clock.now())


def test_an_entry_in_another_currency_than_its_account_is_refused(settled):
    with pytest.raises(IntegrityError, match="another currency"):
        attack(
            NEW_JOURNAL + "INSERT INTO entry (journal_id, account_id, currency, amount_micros) "
            "SELECT fresh.id, account.id, 'USD', CASE kind WHEN 'bank' THEN 5 ELSE -5 END "
            "FROM fresh, ledger_account account WHERE kind IN ('bank', 'network_revenue')",
            clock.now(),
            clock.now(),
        )


def test_a_posted_journal_takes_no_more_entries(settled):
    with pytest.raises(IntegrityError, match="closed once"):
        attack(
            "INSERT INTO entry (journal_id, account_id, currency, amount_micros) "
            "SELECT journal.id, account.id, 'EUR', CASE account.kind WHEN 'bank' THEN 5 ELSE -5 END"
            " FROM journal, ledger_account account "
            "WHERE journal.kind = 'release' AND account.kind IN ('bank', 'network_revenue')"
        )


def test_a_commission_that_no_share_explains_is_refused(settled):
    copy = (
        "INSERT INTO commission SELECT {}, conversion_id, event_id, role, affiliate_id, "
        "advertiser_id, offer_id, currency, revenue_micros, {}, release_at, accrued_at, "
        "journal_id FROM commission LIMIT 1"
    )
    with pytest.raises(IntegrityError, match="does not equal its share"):
        attack(copy.format("gen_random_uuid()", "commission_micros"))
    with pytest.raises(IntegrityError):
        attack(copy.format("id", "commission_micros * 2"))


def test_a_commission_is_not_released_twice_or_before_its_time(settled):
    with pytest.raises(IntegrityError, match="commission_release_pkey"):
        attack("INSERT INTO commission_release SELECT * FROM commission_release")
    with pytest.raises(IntegrityError, match="before its hold is over"):
        attack(
            "INSERT INTO commission_release (commission_id, released_at) "
            "VALUES (gen_random_uuid(), %s)",
            clock.now(),
        )


def test_a_commission_has_one_line(settled, fred):
    second = drafts.build(currency="EUR", actor=fred.actor)
    with pytest.raises(IntegrityError, match="payout_line_pkey"):
        attack(
            "INSERT INTO payout_line (commission_id, payout_id, amount_micros) "
            "SELECT commission_id, %s, amount_micros FROM payout_line",
            second.payouts.get().pk,
        )


def test_a_line_is_worth_its_commission(draft, alice):
    payable(alice.affiliate, "5")
    with pytest.raises(IntegrityError, match="does not equal its released commission"):
        attack(
            "INSERT INTO payout_line (commission_id, payout_id, amount_micros) "
            "SELECT release.commission_id, %s, 99 FROM commission_release release "
            "LEFT JOIN payout_line line USING (commission_id) WHERE line.payout_id IS NULL",
            draft.payouts.get().pk,
        )


def test_a_locked_run_takes_no_more(locked, alice, bob):
    payable(bob.affiliate, "5")
    with pytest.raises(IntegrityError, match="does not fit its run"):
        attack(
            "INSERT INTO payout (run_id, affiliate_id, payee_method_id, currency, minor_micros, "
            "lines_micros, carry_in_micros, net_minor, carry_out_micros, state) "
            "SELECT %s, affiliate_id, id, 'EUR', 10000, 10000, 0, 1, 0, 'draft' "
            "FROM payee_method WHERE affiliate_id = %s",
            locked.pk,
            bob.affiliate.pk,
        )
    with pytest.raises(IntegrityError, match="does not equal its released commission"):
        attack(
            "INSERT INTO payout_line (commission_id, payout_id, amount_micros) "
            "SELECT gen_random_uuid(), id, 1 FROM payout WHERE run_id = %s",
            locked.pk,
        )


@pytest.mark.parametrize("column", ["total_minor", "payouts_count", "lines_count"])
def test_the_totals_of_a_locked_run_are_fixed(locked, column):
    with pytest.raises(IntegrityError, match="stays as it is"):
        attack(f"UPDATE payout_run SET {column} = {column} + 1 WHERE id = %s", locked.pk)
    with pytest.raises(IntegrityError, match="is locked"):
        attack(
            f"UPDATE payout_run SET state = 'cancelled', {column} = {column} + 1 WHERE id = %s",
            locked.pk,
        )


@pytest.mark.parametrize("column", ["total_minor", "payouts_count", "lines_count"])
def test_a_draft_with_other_totals_than_its_payouts_is_not_locked(draft, fred, column):
    attack(f"UPDATE payout_run SET {column} = {column} + 1 WHERE id = %s", draft.pk)
    with pytest.raises(IntegrityError, match=r"does not equal its (payouts|lines)"):
        runs.lock(run_id=draft.pk, actor=fred.actor)


def test_a_run_is_not_locked_under_another_hash(draft):
    attack("UPDATE payout SET state = 'locked' WHERE run_id = %s", draft.pk)
    with pytest.raises(IntegrityError, match="does not equal its payouts"):
        attack(
            "UPDATE payout_run SET state = 'locked', content_sha256 = %s WHERE id = %s",
            "0" * 64,
            draft.pk,
        )


@pytest.mark.parametrize("state", ["approved", "dispatching", "done", "nonsense"])
def test_a_draft_jumps_nowhere(draft, state):
    with pytest.raises(IntegrityError, match="cannot go from draft"):
        attack("UPDATE payout_run SET state = %s WHERE id = %s", state, draft.pk)


def test_a_run_does_not_begin_approved(draft, fred):
    with pytest.raises(IntegrityError, match="begins as a draft"):
        PayoutRun.objects.create(
            currency="EUR",
            cutoff_at=clock.now(),
            minimum_minor=1,
            state="approved",
            maker=fred.user,
            created_at=clock.now(),
        )


def test_a_locked_run_is_not_approved_without_an_approval(locked):
    with pytest.raises(IntegrityError, match="nobody has approved"):
        attack("UPDATE payout_run SET state = 'approved' WHERE id = %s", locked.pk)


APPROVE = """
INSERT INTO approval (run_id, maker_id, actor_id, content_sha256, via, at)
VALUES (%s, %s, %s, %s, 'attack', now())
"""


def test_the_maker_does_not_approve_by_hand(locked, fred):
    with pytest.raises(IntegrityError, match="approval_by_another"):
        attack(APPROVE, locked.pk, fred.user.pk, fred.user.pk, locked.content_sha256)


def test_the_maker_does_not_approve_as_somebody_elses_run(locked, fred, gina):
    with pytest.raises(IntegrityError, match="approval_of_this_content"):
        attack(APPROVE, locked.pk, gina.user.pk, fred.user.pk, locked.content_sha256)


def test_an_approval_is_of_this_content(locked, fred, gina):
    with pytest.raises(IntegrityError, match="approval_of_this_content"):
        attack(APPROVE, locked.pk, fred.user.pk, gina.user.pk, "0" * 64)


@pytest.mark.parametrize("table", ["approval", "payout", "payment_attempt"])
def test_a_temporary_table_deceives_no_trigger(locked, table):
    with connection.cursor() as cursor:
        cursor.execute(f"CREATE TEMP TABLE {table} (LIKE public.{table}) ON COMMIT DROP")
        if table == "approval":
            cursor.execute(APPROVE, [locked.pk, locked.maker_id, 0, locked.content_sha256])
    with pytest.raises(IntegrityError, match="nobody has approved"):
        attack("UPDATE payout_run SET state = 'approved' WHERE id = %s", locked.pk)


def test_a_temporary_currency_table_deceives_no_trigger(draft, bob):
    payable(bob.affiliate, "5")
    with connection.cursor() as cursor:
        cursor.execute("CREATE TEMP TABLE currency (code text, exponent int) ON COMMIT DROP")
        cursor.execute("INSERT INTO pg_temp.currency VALUES ('EUR', 0)")
    with pytest.raises(IntegrityError, match="does not fit its run"):
        attack(
            "INSERT INTO payout (run_id, affiliate_id, payee_method_id, currency, minor_micros, "
            "lines_micros, carry_in_micros, net_minor, carry_out_micros, state) "
            "SELECT %s, affiliate_id, id, 'EUR', 1000000, 5000000, 0, 5, 0, 'draft' "
            "FROM payee_method WHERE affiliate_id = %s",
            draft.pk,
            bob.affiliate.pk,
        )


ATTEMPT = """
INSERT INTO payment_attempt (payout_id, n, idem_key, state, evidence, created_at, changed_at)
SELECT id, %s, 'PO' || id || 'A' || %s, %s, '', now(), now() FROM payout WHERE run_id = %s
"""


@pytest.mark.parametrize("until", ["draft", "locked"])
def test_only_an_approved_run_is_paid(draft, fred, until):
    if until == "locked":
        runs.lock(run_id=draft.pk, actor=fred.actor)
    with pytest.raises(IntegrityError, match="only an approved run is paid"):
        attack(ATTEMPT, 1, 1, "unknown", draft.pk)


def test_a_payout_has_one_live_attempt(settled):
    with pytest.raises(IntegrityError, match="payment_attempt_one_alive"):
        attack(ATTEMPT, 2, 2, "unknown", settled.pk)


def test_an_attempt_has_the_key_of_its_payout(settled, fred):
    payments.reject(payout_id=settled.payouts.get().pk, evidence="AC01", actor=fred.actor)
    with pytest.raises(IntegrityError, match="payment_attempt_key"):
        attack(ATTEMPT, 2, 3, "unknown", settled.pk)


@pytest.mark.parametrize(
    "move",
    [
        "UPDATE payment_attempt SET state = 'settled'",
        "UPDATE payment_attempt SET state = 'rejected'",
        "UPDATE payment_attempt SET state = 'submitted'",
        "UPDATE payment_attempt SET state = 'unknown'",
    ],
)
def test_an_attempt_moves_by_evidence_alone(settled, move):
    with pytest.raises(IntegrityError, match="an attempt (cannot go|is settled)"):
        attack(move)


@pytest.mark.parametrize("state", ["settled", "rejected", "cancelled", "draft", "locked"])
def test_a_sent_payout_does_not_go_ahead_of_the_bank(settled, state):
    with pytest.raises(IntegrityError, match="a payout cannot go"):
        attack("UPDATE payout SET state = %s", state)


def test_a_run_with_open_payouts_is_not_done(settled):
    with pytest.raises(IntegrityError, match="payouts without an answer"):
        attack("UPDATE payout_run SET state = 'done' WHERE id = %s", settled.pk)


def test_a_file_of_another_sum_is_refused(fred, gina, alice):
    payable(alice.affiliate, "10")
    run = approved_run(fred, gina)
    with pytest.raises(IntegrityError, match="does not equal its approved run"):
        attack(
            "INSERT INTO payment_file (run_id, format, msg_id, sha256, total_minor, count, sealed, "
            "rendered_at, rendered_by_id) VALUES (%s, 'x', 'x', 'x', 1, 1, '', now(), %s)",
            run.pk,
            fred.user.pk,
        )
    with pytest.raises(IntegrityError, match="does not equal the run"):
        attack("UPDATE payout_run SET state = 'dispatching' WHERE id = %s", run.pk)


def test_a_booking_of_another_sum_is_refused(settled, fred):
    with pytest.raises(IntegrityError, match="does not equal its payout"):
        attack(
            "INSERT INTO bank_booking (account, bank_ref, booked_on, currency, amount_minor, "
            "payout_id, entered_by_id, created_at) "
            "SELECT 'X', 'x', now(), 'EUR', net_minor + 1, id, %s, now() FROM payout",
            fred.user.pk,
        )


@pytest.mark.parametrize(
    ("account", "ref"),
    [("DE 89", "R1"), ("de89", "R1"), ("", "R1"), ("DE89", "R1\u200b"), ("DE89", " R1")],
)
def test_a_booking_in_a_second_spelling_is_refused(settled, account, ref):
    for table in ("deposit", "bank_booking"):
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT pg_get_expr(conbin, conrelid) FROM pg_constraint WHERE conname = %s",
                [f"{table}_spelt_one_way"],
            )
            (rule,) = cursor.fetchone()
            cursor.execute(
                f"SELECT {rule} FROM (VALUES (%s::text, %s::text)) given (account, bank_ref)",
                [account, ref],
            )
            assert cursor.fetchone() == (False,)


def test_lines_are_released_by_no_other_run_than_a_cancelled_one(locked):
    for run in (locked.pk, 999):
        with pytest.raises(IntegrityError, match="keeps its lines"):
            attack("SELECT release_run_lines(%s, now())", run)


def test_triggers_and_tables_belong_to_somebody_else(db):
    for statement in (
        "ALTER TABLE entry DISABLE TRIGGER ALL",
        "DROP TRIGGER entry_guard ON entry",
        "DROP TABLE approval",
        "CREATE TABLE public.mine (id int)",
        "SET session_replication_role = replica",
    ):
        with pytest.raises(DatabaseError):
            attack(statement)
