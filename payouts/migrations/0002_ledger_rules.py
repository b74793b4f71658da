"""The ledger's rules: journals balance, nothing is changed afterwards, balances follow entries."""

from django.db import migrations

from network.sql import APP_ROLE, append_only

# One pass over the rows of a statement instead of a trigger for each row: a million entries cost a
# few seconds and not a minute. Each pass is planned anew (EXECUTE) and counts: PL/pgSQL would keep
# the plan of its first statement, perhaps one row into an empty table, for the million that comes
# later, and EXISTS lets the planner bet on finding at once what is never there.
#
# It also keeps the balances of the two kinds that must not be passed; the application has no grant
# on that table, so no other hand can.
ENTRIES = f"""
REVOKE INSERT, UPDATE, DELETE, TRUNCATE ON account_balance FROM {APP_ROLE};

-- Its row is there from the beginning: an upsert at the first posting would not do, since the floor
-- is checked against the row that an upsert proposes, not against the sum.
CREATE FUNCTION ledger_account_opened() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    INSERT INTO account_balance (account_id, balance_micros, version)
    SELECT id, 0, 0 FROM fresh WHERE kind IN ('advertiser_prepaid', 'affiliate_payable');
    RETURN NULL;
END $$;

CREATE TRIGGER ledger_account_opened AFTER INSERT ON ledger_account
    REFERENCING NEW TABLE AS fresh FOR EACH STATEMENT EXECUTE FUNCTION ledger_account_opened();

CREATE FUNCTION entry_guard() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    faults bigint;
BEGIN
    EXECUTE $check$
        SELECT count(*) FROM (
            SELECT FROM fresh GROUP BY journal_id, currency HAVING sum(amount_micros) <> 0
        ) faulty
    $check$ INTO faults;
    IF faults > 0 THEN
        RAISE EXCEPTION 'a journal does not balance'
            USING ERRCODE = 'check_violation', CONSTRAINT = 'journal_balances';
    END IF;
    EXECUTE $check$
        SELECT count(*) FROM fresh LEFT JOIN ledger_account account
            ON account.id = fresh.account_id AND account.currency = fresh.currency
        WHERE account.id IS NULL
    $check$ INTO faults;
    IF faults > 0 THEN
        RAISE EXCEPTION 'an entry names an account that is not there or has another currency'
            USING ERRCODE = 'foreign_key_violation', CONSTRAINT = 'entry_account';
    END IF;
    EXECUTE $check$
        SELECT count(*) FROM fresh LEFT JOIN journal ON journal.id = fresh.journal_id
        WHERE journal.id IS NULL
    $check$ INTO faults;
    IF faults > 0 THEN
        RAISE EXCEPTION 'an entry names a journal that is not there'
            USING ERRCODE = 'foreign_key_violation', CONSTRAINT = 'entry_journal';
    END IF;
    -- All entries of a journal come in one statement, so nobody adds to one that is posted.
    EXECUTE $check$
        SELECT count(*) FROM (
            SELECT journal_id, count(*) AS entries FROM fresh GROUP BY journal_id
        ) posted
        WHERE entries <> (SELECT count(*) FROM entry WHERE entry.journal_id = posted.journal_id)
    $check$ INTO faults;
    IF faults > 0 THEN
        RAISE EXCEPTION 'a journal is closed once its entries are in'
            USING ERRCODE = 'check_violation', CONSTRAINT = 'journal_closed';
    END IF;

    -- In the order of accounts, so that two postings never wait for each other in a circle.
    EXECUTE $lock$
        SELECT FROM account_balance WHERE account_id IN (SELECT account_id FROM fresh)
        ORDER BY account_id FOR NO KEY UPDATE
    $lock$;
    EXECUTE $move$
        UPDATE account_balance AS held SET
            balance_micros = held.balance_micros - moved.micros,
            floor_micros = CASE account.kind
                WHEN 'advertiser_prepaid' THEN -coalesce(funds.credit_limit_micros, 0) END,
            version = held.version + 1
        FROM (SELECT account_id, sum(amount_micros) AS micros FROM fresh GROUP BY account_id) moved
        JOIN ledger_account account ON account.id = moved.account_id
        LEFT JOIN funds ON account.kind = 'advertiser_prepaid'
            AND funds.advertiser_id = account.owner_id AND funds.currency = account.currency
        WHERE held.account_id = moved.account_id
    $move$;
    RETURN NULL;
END $$;

CREATE TRIGGER entry_guard AFTER INSERT ON entry
    REFERENCING NEW TABLE AS fresh FOR EACH STATEMENT EXECUTE FUNCTION entry_guard();

-- A journal without entries says nothing; looked at when the transaction ends, by the index even
-- where the plan was made for an empty table.
CREATE FUNCTION journal_guard() RETURNS trigger
LANGUAGE plpgsql SET search_path = public, pg_temp SET enable_seqscan = off AS $$
BEGIN
    IF NOT EXISTS (SELECT FROM entry WHERE journal_id = NEW.id) THEN
        RAISE EXCEPTION 'journal % has no entries', NEW.idem_key
            USING ERRCODE = 'check_violation', CONSTRAINT = 'journal_not_empty';
    END IF;
    RETURN NULL;
END $$;

CREATE CONSTRAINT TRIGGER journal_guard AFTER INSERT ON journal
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION journal_guard();
"""

# The books add up what tracking decided and decide nothing themselves.
COMMISSIONS = """
CREATE FUNCTION commission_guard() RETURNS trigger
LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
DECLARE
    faults bigint;
BEGIN
    EXECUTE $check$
        SELECT count(*) FROM fresh LEFT JOIN conversion_share share ON share.id = fresh.id
            AND share.event_id = fresh.event_id
            AND share.conversion_id = fresh.conversion_id
            AND share.role = fresh.role
            AND share.affiliate_id = fresh.affiliate_id
            AND share.advertiser_id = fresh.advertiser_id
            AND share.offer_id = fresh.offer_id
            AND share.currency = fresh.currency
            AND share.revenue_micros = fresh.revenue_micros
            AND share.commission_micros = fresh.commission_micros
            AND share.release_at = fresh.release_at
        WHERE share.id IS NULL
    $check$ INTO faults;
    IF faults > 0 THEN
        RAISE EXCEPTION 'a commission does not equal its share'
            USING ERRCODE = 'check_violation', CONSTRAINT = 'commission_equals_share';
    END IF;
    EXECUTE $check$
        SELECT count(*) FROM fresh LEFT JOIN journal ON journal.id = fresh.journal_id
        WHERE fresh.journal_id IS NOT NULL AND journal.id IS NULL
    $check$ INTO faults;
    IF faults > 0 THEN
        RAISE EXCEPTION 'a commission names a journal that is not there'
            USING ERRCODE = 'foreign_key_violation', CONSTRAINT = 'commission_journal';
    END IF;
    RETURN NULL;
END $$;

CREATE TRIGGER commission_guard AFTER INSERT ON commission
    REFERENCING NEW TABLE AS fresh FOR EACH STATEMENT EXECUTE FUNCTION commission_guard();

CREATE FUNCTION commission_release_guard() RETURNS trigger
LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
DECLARE
    faults bigint;
BEGIN
    EXECUTE $check$
        SELECT count(*) FROM fresh LEFT JOIN commission ON commission.id = fresh.commission_id
            AND commission.release_at <= fresh.released_at
        WHERE commission.id IS NULL
    $check$ INTO faults;
    IF faults > 0 THEN
        RAISE EXCEPTION 'a commission is released before its hold is over'
            USING ERRCODE = 'check_violation', CONSTRAINT = 'commission_release_due';
    END IF;
    EXECUTE $check$
        SELECT count(*) FROM fresh LEFT JOIN journal ON journal.id = fresh.journal_id
        WHERE fresh.journal_id IS NOT NULL AND journal.id IS NULL
    $check$ INTO faults;
    IF faults > 0 THEN
        RAISE EXCEPTION 'a release names a journal that is not there'
            USING ERRCODE = 'foreign_key_violation', CONSTRAINT = 'commission_journal';
    END IF;
    RETURN NULL;
END $$;

CREATE TRIGGER commission_release_guard AFTER INSERT ON commission_release
    REFERENCING NEW TABLE AS fresh FOR EACH STATEMENT EXECUTE FUNCTION commission_release_guard();
"""

UNDO = """
DROP FUNCTION ledger_account_opened, entry_guard, journal_guard, commission_guard,
    commission_release_guard CASCADE;
"""


class Migration(migrations.Migration):
    dependencies = [
        ("payouts", "0001_tables"),
        ("network", "0001_kernel"),
        ("tracking", "0002_rules"),
    ]

    operations = [
        migrations.RunSQL(ENTRIES + COMMISSIONS, UNDO),
        append_only("ledger_account"),
        append_only("journal"),
        append_only("entry"),
        append_only("commission"),
        append_only("commission_release"),
        append_only("deposit"),
    ]
