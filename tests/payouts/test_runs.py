"""Runs: what was locked is what is approved, by somebody else, or it is cancelled."""

import pytest

from network import clock
from network.errors import IllegalMove, NotFound
from partners import parties
from partners.actors import PersonRequired
from payouts import drafts, payments, runs
from payouts.models import Approval, PaymentFile, PayoutLine, PayoutLineRelease, PayoutRun
from payouts.refusals import (
    AffiliateInactive,
    ClawedBack,
    ContentChanged,
    PayeeChanged,
    PayeeEditorApproval,
    SelfApproval,
)
from tests import factories
from tests.cast import Member
from tests.payouts.earning import (
    approved_run,
    book,
    books,
    make_payee,
    payable,
    reverse,
    sent_run,
    violations,
)


@pytest.fixture
def earned(db, alice):
    return payable(alice.affiliate, "10.005")


@pytest.fixture
def draft(earned, fred):
    return drafts.build(currency="EUR", actor=fred.actor)


@pytest.fixture
def locked(draft, fred):
    return runs.lock(run_id=draft.pk, actor=fred.actor)


def test_a_lock_fixes_the_content_and_sets_the_money_aside(draft, fred):
    assert "affiliate_in_payout" not in books()
    run = runs.lock(run_id=draft.pk, actor=fred.actor)
    assert (run.state, len(run.content_sha256)) == ("locked", 64)
    assert (books()["affiliate_payable"], books()["affiliate_in_payout"]) == ("-0.005", "-10.00")
    assert violations() == []


def test_a_run_is_locked_once(locked, fred):
    with pytest.raises(IllegalMove) as refused:
        runs.lock(run_id=locked.pk, actor=fred.actor)
    assert str(refused.value) == (
        "The run is locked; this needs one that is draft. "
        f"Next is POST /api/v1/payout-runs/{locked.pk}/approve, by another person."
    )


def test_a_payee_that_moved_since_the_build_stops_the_lock(draft, fred, alice):
    alice.affiliate.payee_methods.update(superseded_at=clock.now())
    make_payee(alice.affiliate)
    with pytest.raises(PayeeChanged):
        runs.lock(run_id=draft.pk, actor=fred.actor)
    assert PayoutRun.objects.get().state == "draft"


def change_account(affiliate):
    affiliate.payee_methods.update(superseded_at=clock.now())
    make_payee(affiliate)


def pause(affiliate):
    parties.change(affiliate, status="paused")


def next_step(run, fred, gina):
    """Lock, approve or write to a file, whatever comes next."""
    if run.state == "draft":
        return runs.lock(run_id=run.pk, actor=fred.actor)
    if run.state == "locked":
        sha256 = run.content_sha256
        return runs.approve(run_id=run.pk, content_sha256=sha256, actor=gina.actor)
    return payments.render(run_id=run.pk, actor=fred.actor)


@pytest.mark.parametrize("trouble", [(change_account, PayeeChanged), (pause, AffiliateInactive)])
@pytest.mark.parametrize("steps", [0, 1, 2])
def test_an_account_that_is_not_to_be_paid_stops_every_step(
    draft, fred, gina, alice, steps, trouble
):
    run, (happens, refusal) = draft, trouble
    for _ in range(steps):
        run = next_step(run, fred, gina)
    happens(alice.affiliate)
    with pytest.raises(refusal) as refused:
        next_step(run, fred, gina)
    assert refused.value.members == {"payees": 1, "payouts": [run.payouts.get().pk]}
    assert PayoutRun.objects.get().state == run.state
    assert not PaymentFile.objects.exists()
    assert runs.cancel(run_id=run.pk, actor=fred.actor).state == "cancelled"
    assert violations() == []


def test_a_payee_that_moved_and_is_paused_stops_the_file(draft, fred, gina, alice):
    run = next_step(next_step(draft, fred, gina), fred, gina)
    change_account(alice.affiliate)
    pause(alice.affiliate)
    with pytest.raises(PayeeChanged):
        next_step(run, fred, gina)


def test_after_a_pause_the_others_are_paid_by_another_run(draft, fred, gina, alice):
    bob = factories.make_affiliate()
    payable(bob, "5")
    pause(alice.affiliate)
    runs.cancel(run_id=draft.pk, actor=fred.actor)
    run = approved_run(fred, gina)
    assert [payout.affiliate for payout in run.payouts.all()] == [bob]


def test_a_file_is_taken_again_whatever_became_of_its_payees(earned, fred, gina, alice):
    run = sent_run(fred, gina)
    _, content = payments.read_file(run_id=run.pk, actor=fred.actor)
    change_account(alice.affiliate)
    pause(alice.affiliate)
    assert payments.read_file(run_id=run.pk, actor=fred.actor)[1] == content


def test_a_reversal_between_build_and_lock_stops_the_lock(draft, fred, earned):
    reverse(earned, "4")
    book()
    with pytest.raises(ClawedBack):
        runs.lock(run_id=draft.pk, actor=fred.actor)
    runs.cancel(run_id=draft.pk, actor=fred.actor)
    assert drafts.build(currency="EUR", actor=fred.actor).total_minor == 600


def test_a_reversal_after_the_lock_leaves_the_payout_alone(locked, earned):
    reverse(earned, "4")
    book()
    assert (books()["affiliate_payable"], books()["affiliate_in_payout"]) == ("3.995", "-10.00")
    assert violations() == []


def test_a_second_person_approves(locked, gina):
    run = runs.approve(run_id=locked.pk, content_sha256=locked.content_sha256, actor=gina.actor)
    approval = Approval.objects.get()
    assert run.state == "approved"
    assert (approval.actor, approval.content_sha256) == (gina.user, run.content_sha256)


def test_the_maker_cannot_approve(locked, fred):
    with pytest.raises(SelfApproval):
        runs.approve(run_id=locked.pk, content_sha256=locked.content_sha256, actor=fred.actor)
    assert PayoutRun.objects.get().state == "locked"
    assert not Approval.objects.exists()


def test_the_maker_cannot_approve_by_another_membership(locked, fred):
    other = Member(factories.make_member("finance", user=fred.user), key="")
    with pytest.raises(SelfApproval):
        runs.approve(run_id=locked.pk, content_sha256=locked.content_sha256, actor=other.actor)


def test_who_entered_an_account_that_is_paid_cannot_approve(fred, gina, alice):
    make_payee(alice.affiliate, created_by=gina.user)
    payable(alice.affiliate, "10")
    with pytest.raises(PayeeEditorApproval):
        approved_run(fred, gina)


def test_other_content_than_was_looked_at_is_not_approved(locked, gina):
    with pytest.raises(ContentChanged):
        runs.approve(run_id=locked.pk, content_sha256="0" * 64, actor=gina.actor)


def test_a_draft_cannot_be_approved(draft, gina):
    with pytest.raises(IllegalMove):
        runs.approve(run_id=draft.pk, content_sha256="0" * 64, actor=gina.actor)


def test_a_key_without_a_person_neither_builds_nor_approves(locked, gina):
    machine = gina.actor.__class__(
        role=gina.actor.role,
        organisation_id=gina.actor.organisation_id,
        scopes=gina.actor.scopes,
        key_id=1,
        key_prefix="abc",
    )
    with pytest.raises(PersonRequired):
        runs.approve(run_id=locked.pk, content_sha256=locked.content_sha256, actor=machine)
    with pytest.raises(PersonRequired):
        drafts.build(currency="EUR", actor=machine)


@pytest.mark.parametrize("until", ["draft", "locked", "approved"])
def test_a_cancelled_run_gives_everything_back(fred, gina, alice, until):
    payable(alice.affiliate, "10.005")
    before = books()
    if until == "approved":
        run = approved_run(fred, gina)
    else:
        run = drafts.build(currency="EUR", actor=fred.actor)
    if until == "locked":
        runs.lock(run_id=run.pk, actor=fred.actor)
    assert runs.cancel(run_id=run.pk, actor=gina.actor).state == "cancelled"
    assert books() == before
    assert (PayoutLine.objects.count(), PayoutLineRelease.objects.count()) == (0, 1)
    assert violations() == []


def test_a_run_is_not_cancelled_once_payment_was_attempted(fred, gina, alice):
    payable(alice.affiliate, "10")
    run = sent_run(fred, gina)
    with pytest.raises(IllegalMove):
        runs.cancel(run_id=run.pk, actor=fred.actor)


def test_an_unknown_run_is_not_found(fred):
    for verb in (runs.lock, runs.cancel):
        with pytest.raises(NotFound):
            verb(run_id=999, actor=fred.actor)


def test_runs_are_for_the_network_only(locked, alice, acme, gina, olga):
    assert [runs.visible(who.actor).count() for who in (alice, acme, gina, olga)] == [0, 0, 1, 1]
