"""The rules that the database holds for payouts: each has a code, or no request can break it."""

import re

import pytest
from django.apps import apps
from django.db import connection

from payouts.refusals import BY_CONSTRAINT

pytestmark = pytest.mark.django_db

# Held against a fault of our own: the verbs look first, or fill in the value themselves, so that
# what remains of these would be a mistake in the code.
OUR_OWN = {
    "bank_booking_above_zero",
    "bank_booking_spelt_one_way",
    "commission_equals_share",
    "commission_journal",
    "commission_release_due",
    "deposit_above_zero",
    "deposit_journal_id_key",
    "deposit_spelt_one_way",
    "entry_account",
    "entry_journal",
    "entry_not_zero",
    "journal_closed",
    "journal_not_empty",
    "ledger_account_kind_known",
    "ledger_account_once",
    "payment_attempt_idem_key_key",
    "payment_attempt_key",
    "payment_attempt_n_check",
    "payment_attempt_n_once",
    "payment_attempt_one_alive",
    "payment_attempt_settled",
    "payment_file_msg_id_key",
    "payment_file_run_id_key",
    "payout_above_zero",
    "payout_adds_up",
    "payout_carries_less_than_a_minor_unit",
    "payout_carry_fits",
    "payout_fits",
    "payout_line_fits",
    "payout_line_kept",
    "payout_once_per_run",
    "payout_run_approved",
    "payout_run_as_approved",
    "payout_run_begins_as_draft",
    "payout_run_file",
    "payout_run_open",
    "payout_run_totals",
    "payout_skip_once",
}
# A key to another table, and a rule of the funds: not among what `rules` reads.
ELSEWHERE = {"approval_of_this_content", "funds_never_passed"}

RULES = """
SELECT conname FROM pg_constraint
WHERE contype IN ('c', 'u', 'x') AND conrelid::regclass::text = ANY(%(tables)s)
UNION SELECT indexrelid::regclass::text FROM pg_index
WHERE indisunique AND NOT indisprimary AND indrelid::regclass::text = ANY(%(tables)s)
"""
GUARDS = """
SELECT DISTINCT prosrc FROM pg_proc LEFT JOIN pg_trigger ON tgfoid = pg_proc.oid
WHERE tgrelid::regclass::text = ANY(%(tables)s) OR proname = 'release_run_lines'
"""


def rules():
    """The names of all checks, unique keys and guards of the tables of payouts."""
    tables = [model._meta.db_table for model in apps.get_app_config("payouts").get_models()]
    with connection.cursor() as cursor:
        cursor.execute(RULES, {"tables": tables})
        names = {name for (name,) in cursor.fetchall()}
        cursor.execute(GUARDS, {"tables": tables})
        for (source,) in cursor.fetchall():
            names |= set(re.findall(r"CONSTRAINT = '(\w+)'", source))
    return names


def test_every_rule_has_a_code_or_is_beyond_a_request():
    assert rules() - BY_CONSTRAINT.keys() == OUR_OWN
    assert BY_CONSTRAINT.keys() - rules() == ELSEWHERE
