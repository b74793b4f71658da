"""The rules of a payout run: locked sums, a second person's approval, nobody paid twice."""

from django.db import migrations

from network.sql import APP_ROLE, append_only, update_only

# Checks over the rows of a statement are planned anew and count; 0002_ledger_rules says why.

# The content of a run as one hash over (payout, payee version, amount, currency) in a fixed order.
# The lock's trigger computes it itself, so the application cannot lock one thing and show another.
CONTENT = """
CREATE FUNCTION payout_run_content(run bigint) RETURNS text
LANGUAGE sql STABLE SET search_path = public, pg_temp AS $$
    SELECT encode(sha256(convert_to(coalesce(string_agg(
        concat_ws('|', id, affiliate_id, payee_method_id, net_minor, currency), E'\\n' ORDER BY id
    ), ''), 'UTF8')), 'hex') FROM payout WHERE run_id = run
$$;
"""

RUNS = """
CREATE FUNCTION payout_run_move() RETURNS trigger
LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
DECLARE
    found record;
BEGIN
    IF OLD.state = NEW.state AND OLD.state <> 'draft' THEN
        RAISE EXCEPTION 'run % is % and stays as it is', OLD.id, OLD.state
            USING ERRCODE = 'check_violation', CONSTRAINT = 'payout_run_fixed';
    END IF;
    IF OLD.state <> NEW.state AND NOT (
        (OLD.state = 'draft' AND NEW.state IN ('locked', 'cancelled'))
        OR (OLD.state = 'locked' AND NEW.state IN ('approved', 'cancelled'))
        OR (OLD.state = 'approved' AND NEW.state IN ('dispatching', 'cancelled'))
        OR (OLD.state = 'dispatching' AND NEW.state = 'done')
    ) THEN
        RAISE EXCEPTION 'a run cannot go from % to %', OLD.state, NEW.state
            USING ERRCODE = 'check_violation', CONSTRAINT = 'payout_run_move';
    END IF;
    IF OLD.state <> 'draft' AND (NEW.content_sha256, NEW.payouts_count, NEW.lines_count,
            NEW.total_minor) IS DISTINCT FROM (OLD.content_sha256, OLD.payouts_count,
            OLD.lines_count, OLD.total_minor) THEN
        RAISE EXCEPTION 'the content of run % is locked', OLD.id
            USING ERRCODE = 'check_violation', CONSTRAINT = 'payout_run_fixed';
    END IF;

    IF NEW.state = 'locked' AND OLD.state = 'draft' THEN
        SELECT count(*) AS payouts, coalesce(sum(net_minor), 0) AS total,
            count(*) FILTER (WHERE state <> 'locked') AS unlocked
            INTO found FROM payout WHERE run_id = NEW.id;
        IF found.payouts = 0 OR found.unlocked > 0 OR found.payouts <> NEW.payouts_count
                OR found.total <> NEW.total_minor
                OR NEW.content_sha256 IS DISTINCT FROM payout_run_content(NEW.id) THEN
            RAISE EXCEPTION 'run % does not equal its payouts', NEW.id
                USING ERRCODE = 'check_violation', CONSTRAINT = 'payout_run_totals';
        END IF;
        IF EXISTS (
            SELECT FROM payout LEFT JOIN (
                SELECT line.payout_id, sum(line.amount_micros) AS micros
                FROM payout_line line JOIN payout ON payout.id = line.payout_id
                WHERE payout.run_id = NEW.id GROUP BY line.payout_id
            ) lines ON lines.payout_id = payout.id LEFT JOIN (
                SELECT carry.payout_id, sum(carry.amount_micros) AS micros
                FROM payout_carry carry JOIN payout ON payout.id = carry.payout_id
                WHERE payout.run_id = NEW.id GROUP BY carry.payout_id
            ) carries ON carries.payout_id = payout.id
            WHERE payout.run_id = NEW.id AND (
                payout.lines_micros <> coalesce(lines.micros, 0)
                OR payout.carry_in_micros <> coalesce(carries.micros, 0))
        ) OR NEW.lines_count <> (
            SELECT count(*) FROM payout_line line JOIN payout ON payout.id = line.payout_id
            WHERE payout.run_id = NEW.id
        ) THEN
            RAISE EXCEPTION 'a payout of run % does not equal its lines', NEW.id
                USING ERRCODE = 'check_violation', CONSTRAINT = 'payout_run_totals';
        END IF;
    ELSIF NEW.state = 'approved' AND OLD.state = 'locked' THEN
        IF NOT EXISTS (
            SELECT FROM approval
            WHERE run_id = NEW.id AND maker_id = NEW.maker_id
                AND content_sha256 = NEW.content_sha256
        ) THEN
            RAISE EXCEPTION 'nobody has approved this content of run %', NEW.id
                USING ERRCODE = 'check_violation', CONSTRAINT = 'payout_run_approved';
        END IF;
    ELSIF NEW.state = 'dispatching' AND OLD.state = 'approved' THEN
        IF NOT EXISTS (
            SELECT FROM payment_file
            WHERE run_id = NEW.id AND total_minor = NEW.total_minor AND count = NEW.payouts_count
        ) THEN
            RAISE EXCEPTION 'the file of run % does not equal the run', NEW.id
                USING ERRCODE = 'check_violation', CONSTRAINT = 'payout_run_file';
        END IF;
    ELSIF NEW.state = 'done' AND OLD.state <> 'done' THEN
        IF EXISTS (
            SELECT FROM payout WHERE run_id = NEW.id AND state NOT IN ('settled', 'rejected')
        ) THEN
            RAISE EXCEPTION 'run % has payouts without an answer', NEW.id
                USING ERRCODE = 'check_violation', CONSTRAINT = 'payout_run_open';
        END IF;
    ELSIF NEW.state = 'cancelled' AND EXISTS (
        SELECT FROM payment_attempt attempt JOIN payout ON payout.id = attempt.payout_id
        WHERE payout.run_id = NEW.id
    ) THEN
        RAISE EXCEPTION 'run % has payment attempts and cannot be cancelled', NEW.id
            USING ERRCODE = 'check_violation', CONSTRAINT = 'payout_run_attempted';
    END IF;
    RETURN NEW;
END $$;

CREATE TRIGGER payout_run_move BEFORE UPDATE ON payout_run
    FOR EACH ROW EXECUTE FUNCTION payout_run_move();

-- A run begins as an empty draft; nobody inserts one that is approved already.
CREATE FUNCTION payout_run_begin() RETURNS trigger
LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
BEGIN
    IF NEW.state <> 'draft' OR NEW.content_sha256 IS NOT NULL THEN
        RAISE EXCEPTION 'a run begins as a draft'
            USING ERRCODE = 'check_violation', CONSTRAINT = 'payout_run_begins_as_draft';
    END IF;
    RETURN NEW;
END $$;

CREATE TRIGGER payout_run_begin BEFORE INSERT ON payout_run
    FOR EACH ROW EXECUTE FUNCTION payout_run_begin();

-- An approval is given to a locked run, and not by somebody who entered an account that it pays.
CREATE FUNCTION approval_guard() RETURNS trigger
LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
DECLARE
    faults bigint;
BEGIN
    EXECUTE $check$
        SELECT count(*) FROM fresh JOIN payout_run run ON run.id = fresh.run_id
        WHERE run.state <> 'locked'
    $check$ INTO faults;
    IF faults > 0 THEN
        RAISE EXCEPTION 'only a locked run is approved'
            USING ERRCODE = 'check_violation', CONSTRAINT = 'approval_of_locked';
    END IF;
    EXECUTE $check$
        SELECT count(*) FROM fresh
        JOIN payout ON payout.run_id = fresh.run_id
        JOIN payee_method method ON method.id = payout.payee_method_id
        WHERE method.created_by_id = fresh.actor_id
    $check$ INTO faults;
    IF faults > 0 THEN
        RAISE EXCEPTION 'the approver entered an account that this run pays'
            USING ERRCODE = 'check_violation', CONSTRAINT = 'approval_not_by_payee_editor';
    END IF;
    RETURN NULL;
END $$;

CREATE TRIGGER approval_guard AFTER INSERT ON approval
    REFERENCING NEW TABLE AS fresh FOR EACH STATEMENT EXECUTE FUNCTION approval_guard();

ALTER TABLE approval ADD CONSTRAINT approval_of_this_content
    FOREIGN KEY (run_id, maker_id, content_sha256)
    REFERENCES payout_run (id, maker_id, content_sha256);
"""

PAYOUTS = """
-- Payouts, lines and carries enter a draft. Its row is locked first, so that a lock of the run at
-- the same moment either sees them or keeps them out.
CREATE FUNCTION payout_guard() RETURNS trigger
LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
DECLARE
    faults bigint;
BEGIN
    PERFORM FROM payout_run WHERE id IN (SELECT run_id FROM fresh) ORDER BY id FOR NO KEY UPDATE;
    EXECUTE $check$
        SELECT count(*) FROM fresh
        JOIN payout_run run ON run.id = fresh.run_id
        LEFT JOIN currency ON currency.code = fresh.currency
        LEFT JOIN payee_method method ON method.id = fresh.payee_method_id
            AND method.affiliate_id = fresh.affiliate_id
        WHERE run.state <> 'draft' OR run.currency <> fresh.currency OR fresh.state <> 'draft'
            OR fresh.minor_micros IS DISTINCT FROM (10 ^ (6 - currency.exponent))::bigint
            OR method.id IS NULL
    $check$ INTO faults;
    IF faults > 0 THEN
        RAISE EXCEPTION 'a payout does not fit its run, currency or payee'
            USING ERRCODE = 'check_violation', CONSTRAINT = 'payout_fits';
    END IF;
    RETURN NULL;
END $$;

CREATE TRIGGER payout_guard AFTER INSERT ON payout
    REFERENCING NEW TABLE AS fresh FOR EACH STATEMENT EXECUTE FUNCTION payout_guard();

CREATE FUNCTION payout_move() RETURNS trigger
LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
BEGIN
    IF (OLD.state, NEW.state) NOT IN (
        ('draft', 'locked'), ('draft', 'cancelled'), ('locked', 'cancelled'),
        ('locked', 'sent'), ('sent', 'settled'), ('sent', 'rejected')
    ) THEN
        RAISE EXCEPTION 'a payout cannot go from % to %', OLD.state, NEW.state
            USING ERRCODE = 'check_violation', CONSTRAINT = 'payout_move';
    END IF;
    RETURN NEW;
END $$;

CREATE TRIGGER payout_move BEFORE UPDATE ON payout
    FOR EACH ROW EXECUTE FUNCTION payout_move();

-- A payout follows its run, its attempt and the bank's answer; it never goes ahead of them.
CREATE FUNCTION payout_follows() RETURNS trigger
LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
DECLARE
    faults bigint;
BEGIN
    EXECUTE $check$
        SELECT count(*) FROM fresh
        JOIN payout_run run ON run.id = fresh.run_id
        WHERE (fresh.state, run.state) NOT IN (
                ('locked', 'draft'), ('cancelled', 'cancelled'), ('sent', 'dispatching'),
                ('settled', 'dispatching'), ('rejected', 'dispatching'))
            OR (fresh.state = 'sent' AND NOT EXISTS (
                SELECT FROM payment_attempt WHERE payout_id = fresh.id AND state = 'unknown'))
            OR (fresh.state = 'settled' AND NOT EXISTS (
                SELECT FROM payment_attempt WHERE payout_id = fresh.id AND state = 'settled'))
            OR (fresh.state = 'rejected' AND EXISTS (
                SELECT FROM payment_attempt WHERE payout_id = fresh.id AND state <> 'rejected'))
    $check$ INTO faults;
    IF faults > 0 THEN
        RAISE EXCEPTION 'a payout cannot go ahead of its run, its attempt or its booking'
            USING ERRCODE = 'check_violation', CONSTRAINT = 'payout_follows';
    END IF;
    RETURN NULL;
END $$;

CREATE TRIGGER payout_follows AFTER UPDATE ON payout
    REFERENCING NEW TABLE AS fresh FOR EACH STATEMENT EXECUTE FUNCTION payout_follows();
"""

LINES = """
CREATE FUNCTION payout_line_guard() RETURNS trigger
LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
DECLARE
    faults bigint;
BEGIN
    EXECUTE $lock$
        SELECT FROM payout_run WHERE id IN (
            SELECT payout.run_id FROM fresh JOIN payout ON payout.id = fresh.payout_id
        ) ORDER BY id FOR NO KEY UPDATE
    $lock$;
    EXECUTE $check$
        SELECT count(*) FROM fresh
        LEFT JOIN payout ON payout.id = fresh.payout_id
        LEFT JOIN payout_run run ON run.id = payout.run_id
        LEFT JOIN commission ON commission.id = fresh.commission_id
        LEFT JOIN commission_release release ON release.commission_id = fresh.commission_id
        WHERE run.state IS DISTINCT FROM 'draft'
            OR release.commission_id IS NULL
            OR commission.commission_micros IS DISTINCT FROM fresh.amount_micros
            OR commission.affiliate_id IS DISTINCT FROM payout.affiliate_id
            OR commission.currency IS DISTINCT FROM payout.currency
    $check$ INTO faults;
    IF faults > 0 THEN
        RAISE EXCEPTION 'a line does not equal its released commission'
            USING ERRCODE = 'check_violation', CONSTRAINT = 'payout_line_fits';
    END IF;
    RETURN NULL;
END $$;

CREATE TRIGGER payout_line_guard AFTER INSERT ON payout_line
    REFERENCING NEW TABLE AS fresh FOR EACH STATEMENT EXECUTE FUNCTION payout_line_guard();

CREATE FUNCTION payout_carry_guard() RETURNS trigger
LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
DECLARE
    faults bigint;
BEGIN
    EXECUTE $lock$
        SELECT FROM payout_run WHERE id IN (
            SELECT payout.run_id FROM fresh JOIN payout ON payout.id = fresh.payout_id
        ) ORDER BY id FOR NO KEY UPDATE
    $lock$;
    EXECUTE $check$
        SELECT count(*) FROM fresh
        LEFT JOIN payout target ON target.id = fresh.payout_id
        LEFT JOIN payout_run run ON run.id = target.run_id
        LEFT JOIN payout source ON source.id = fresh.source_id
        WHERE run.state IS DISTINCT FROM 'draft'
            OR source.affiliate_id IS DISTINCT FROM target.affiliate_id
            OR source.currency IS DISTINCT FROM target.currency
            OR NOT (
                (fresh.part = 'rest' AND source.state IN ('sent', 'settled', 'rejected')
                    AND fresh.amount_micros = source.carry_out_micros)
                OR (fresh.part = 'returned' AND source.state = 'rejected'
                    AND fresh.amount_micros = source.net_minor * source.minor_micros))
    $check$ INTO faults;
    IF faults > 0 THEN
        RAISE EXCEPTION 'a carry does not equal what its payout left'
            USING ERRCODE = 'check_violation', CONSTRAINT = 'payout_carry_fits';
    END IF;
    RETURN NULL;
END $$;

CREATE TRIGGER payout_carry_guard AFTER INSERT ON payout_carry
    REFERENCING NEW TABLE AS fresh FOR EACH STATEMENT EXECUTE FUNCTION payout_carry_guard();

-- Lines and carries go only with a cancelled run that never tried to pay. The application has no
-- DELETE; it calls this. The run's row is locked by the cancelling and by every attempt alike, so
-- one of the two sees the other.
CREATE FUNCTION release_run_lines(cancelled bigint, at timestamptz) RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    freed bigint;
BEGIN
    PERFORM FROM payout_run WHERE id = cancelled AND state = 'cancelled' FOR NO KEY UPDATE;
    IF NOT FOUND OR EXISTS (
        SELECT FROM payment_attempt attempt JOIN payout ON payout.id = attempt.payout_id
        WHERE payout.run_id = cancelled
    ) THEN
        RAISE EXCEPTION 'run % keeps its lines', cancelled
            USING ERRCODE = 'check_violation', CONSTRAINT = 'payout_line_kept';
    END IF;
    WITH gone AS (
        DELETE FROM payout_line line USING payout
        WHERE payout.id = line.payout_id AND payout.run_id = cancelled
        RETURNING line.payout_id, line.commission_id, line.amount_micros
    ), kept AS (
        INSERT INTO payout_line_release (payout_id, commission_id, amount_micros, released_at)
        SELECT payout_id, commission_id, amount_micros, at FROM gone
    )
    INSERT INTO commission_payable (commission_id, released_at)
    SELECT commission_id, release.released_at
    FROM gone JOIN commission_release release USING (commission_id);
    GET DIAGNOSTICS freed = ROW_COUNT;
    DELETE FROM payout_carry carry USING payout
    WHERE payout.id = carry.payout_id AND payout.run_id = cancelled;
    RETURN freed;
END $$;
"""

PAYMENTS = """
-- The key on the wire follows from the payout and the number of the try: no second key for one try.
ALTER TABLE payment_attempt ADD CONSTRAINT payment_attempt_key
    CHECK (idem_key = 'PO' || payout_id || 'A' || n);

-- An attempt locks its run, so that a cancelling at the same moment is seen.
CREATE FUNCTION payment_attempt_guard() RETURNS trigger
LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
DECLARE
    faults bigint;
BEGIN
    EXECUTE $lock$
        SELECT FROM payout_run WHERE id IN (
            SELECT payout.run_id FROM fresh JOIN payout ON payout.id = fresh.payout_id
        ) ORDER BY id FOR NO KEY UPDATE
    $lock$;
    EXECUTE $check$
        SELECT count(*) FROM fresh
        JOIN payout ON payout.id = fresh.payout_id
        JOIN payout_run run ON run.id = payout.run_id
        WHERE run.state NOT IN ('approved', 'dispatching') OR fresh.state <> 'unknown'
            OR payout.state NOT IN ('locked', 'sent')
    $check$ INTO faults;
    IF faults > 0 THEN
        RAISE EXCEPTION 'only an approved run is paid'
            USING ERRCODE = 'check_violation', CONSTRAINT = 'payment_attempt_of_approved';
    END IF;
    RETURN NULL;
END $$;

CREATE TRIGGER payment_attempt_guard AFTER INSERT ON payment_attempt
    REFERENCING NEW TABLE AS fresh FOR EACH STATEMENT EXECUTE FUNCTION payment_attempt_guard();

CREATE FUNCTION payment_attempt_move() RETURNS trigger
LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
BEGIN
    IF (OLD.state, NEW.state) NOT IN (
        ('unknown', 'accepted'), ('unknown', 'settled'), ('unknown', 'rejected'),
        ('accepted', 'settled'), ('accepted', 'rejected')
    ) OR (NEW.state = 'rejected' AND NEW.evidence = '') THEN
        RAISE EXCEPTION 'an attempt cannot go from % to % without evidence', OLD.state, NEW.state
            USING ERRCODE = 'check_violation', CONSTRAINT = 'payment_attempt_move';
    END IF;
    RETURN NEW;
END $$;

CREATE TRIGGER payment_attempt_move BEFORE UPDATE ON payment_attempt
    FOR EACH ROW EXECUTE FUNCTION payment_attempt_move();

CREATE FUNCTION payment_attempt_settled() RETURNS trigger
LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
DECLARE
    faults bigint;
BEGIN
    EXECUTE $check$
        SELECT count(*) FROM fresh LEFT JOIN bank_booking booking USING (payout_id)
        WHERE fresh.state = 'settled' AND booking.id IS NULL
    $check$ INTO faults;
    IF faults > 0 THEN
        RAISE EXCEPTION 'an attempt is settled by a booking of the bank alone'
            USING ERRCODE = 'check_violation', CONSTRAINT = 'payment_attempt_settled';
    END IF;
    RETURN NULL;
END $$;

CREATE TRIGGER payment_attempt_settled AFTER UPDATE ON payment_attempt
    REFERENCING NEW TABLE AS fresh FOR EACH STATEMENT EXECUTE FUNCTION payment_attempt_settled();

CREATE FUNCTION payment_file_guard() RETURNS trigger
LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
DECLARE
    faults bigint;
BEGIN
    PERFORM FROM payout_run WHERE id IN (SELECT run_id FROM fresh) ORDER BY id FOR NO KEY UPDATE;
    EXECUTE $check$
        SELECT count(*) FROM fresh JOIN payout_run run ON run.id = fresh.run_id
        WHERE run.state <> 'approved' OR run.total_minor <> fresh.total_minor
            OR run.payouts_count <> fresh.count
    $check$ INTO faults;
    IF faults > 0 THEN
        RAISE EXCEPTION 'a file does not equal its approved run'
            USING ERRCODE = 'check_violation', CONSTRAINT = 'payout_run_file';
    END IF;
    RETURN NULL;
END $$;

CREATE TRIGGER payment_file_guard AFTER INSERT ON payment_file
    REFERENCING NEW TABLE AS fresh FOR EACH STATEMENT EXECUTE FUNCTION payment_file_guard();

-- The bank took exactly what was sent: charges are another debit, never a difference.
CREATE FUNCTION bank_booking_guard() RETURNS trigger
LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
DECLARE
    faults bigint;
BEGIN
    EXECUTE $check$
        SELECT count(*) FROM fresh JOIN payout ON payout.id = fresh.payout_id
        WHERE payout.state <> 'sent' OR payout.currency <> fresh.currency
            OR payout.net_minor <> fresh.amount_minor
    $check$ INTO faults;
    IF faults > 0 THEN
        RAISE EXCEPTION 'a booking does not equal its payout'
            USING ERRCODE = 'check_violation', CONSTRAINT = 'bank_booking_fits';
    END IF;
    RETURN NULL;
END $$;

CREATE TRIGGER bank_booking_guard AFTER INSERT ON bank_booking
    REFERENCING NEW TABLE AS fresh FOR EACH STATEMENT EXECUTE FUNCTION bank_booking_guard();
"""

UNDO = """
ALTER TABLE approval DROP CONSTRAINT approval_of_this_content;
ALTER TABLE payment_attempt DROP CONSTRAINT payment_attempt_key;
DROP FUNCTION payout_run_move, payout_run_begin, approval_guard, payout_guard, payout_move,
    payout_follows, payout_line_guard, payout_carry_guard, payment_attempt_guard,
    payment_attempt_move, payment_attempt_settled, payment_file_guard, bank_booking_guard CASCADE;
DROP FUNCTION release_run_lines, payout_run_content;
"""


class Migration(migrations.Migration):
    dependencies = [("payouts", "0002_ledger_rules")]

    operations = [
        migrations.RunSQL(CONTENT + RUNS + PAYOUTS + LINES + PAYMENTS, UNDO),
        update_only(
            "payout_run",
            "state",
            "content_sha256",
            "payouts_count",
            "lines_count",
            "total_minor",
            "locked_at",
            "approved_at",
            "dispatched_at",
            "closed_at",
        ),
        update_only("payout", "state"),
        update_only("payment_attempt", "state", "evidence", "changed_at"),
        append_only("approval"),
        append_only("payout_skip"),
        append_only("payment_file"),
        append_only("bank_booking"),
        append_only("payout_line_release"),
        # No trigger that forbids: the release of a cancelled run deletes, as the owner.
        migrations.RunSQL(
            f"REVOKE UPDATE, DELETE, TRUNCATE ON payout_line, payout_carry FROM {APP_ROLE}",
            migrations.RunSQL.noop,
        ),
    ]
