"""The rules of tracking that only the database can hold."""

from django.db import migrations

from network.sql import APP_ROLE, append_only, update_only

CLICKS = f"""
CREATE TABLE click (
    id uuid NOT NULL,
    ts timestamptz NOT NULL,
    link_id bigint NOT NULL,
    affiliate_id bigint NOT NULL,
    offer_id bigint NOT NULL,
    advertiser_id bigint NOT NULL,
    reason text NOT NULL,
    link_code text NOT NULL,
    destination text NOT NULL,
    source text,
    aff_click_id text,
    subs text[],
    ip inet,
    user_agent text,
    referrer text,
    language text,
    PRIMARY KEY (id, ts)
) PARTITION BY RANGE (ts);

-- One btree beside the key, for an affiliate's own clicks, newest first (an id begins with its
-- time). Each further one would cost every click; reports read whole days by partition.
CREATE INDEX click_of_affiliate ON click (affiliate_id, id);
CREATE INDEX click_ts ON click USING brin (ts);

CREATE TABLE click_default PARTITION OF click DEFAULT;
REVOKE ALL ON click, click_default FROM {APP_ROLE};
GRANT SELECT, INSERT ON click TO {APP_ROLE};
GRANT SELECT ON click_default TO {APP_ROLE};

-- Makes the partition of one UTC day. Rows of that day that fell into the default partition (the
-- clock jumped, or nobody made the partition in time) move over in the same transaction, because
-- PostgreSQL refuses a partition whose rows lie in the default one.
CREATE FUNCTION make_click_partition(day date) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    name text := 'click_' || to_char(day, 'YYYYMMDD');
    since timestamptz := day::timestamp AT TIME ZONE 'UTC';
    till timestamptz := (day + 1)::timestamp AT TIME ZONE 'UTC';
BEGIN
    -- The application may call this, and shall not fill the catalogue with days of nobody's.
    IF (day BETWEEN '1990-01-01' AND '2199-12-31') IS NOT TRUE THEN
        RAISE EXCEPTION 'no clicks are kept for %', day
            USING ERRCODE = 'check_violation', CONSTRAINT = 'click_partition_day';
    END IF;
    IF to_regclass(name) IS NOT NULL THEN
        RETURN false;
    END IF;
    -- Two trackers want the first partition of a day at the same moment.
    PERFORM pg_advisory_xact_lock(hashtext('make_click_partition'));
    IF to_regclass(name) IS NOT NULL THEN
        RETURN false;
    END IF;
    EXECUTE format('CREATE TABLE %I (LIKE click INCLUDING DEFAULTS INCLUDING CONSTRAINTS)', name);
    EXECUTE format('REVOKE ALL ON %I FROM {APP_ROLE}', name);
    EXECUTE format('GRANT SELECT ON %I TO {APP_ROLE}', name);
    -- From here on no click enters the default partition until the new one takes them.
    LOCK TABLE click_default IN ACCESS EXCLUSIVE MODE;
    EXECUTE format(
        'WITH moved AS (DELETE FROM click_default WHERE ts >= $1 AND ts < $2 RETURNING *) '
        'INSERT INTO %I SELECT * FROM moved', name) USING since, till;
    EXECUTE format(
        'ALTER TABLE click ATTACH PARTITION %I FOR VALUES FROM (%L) TO (%L)', name, since, till);
    RETURN true;
END $$;
"""

MOVES = """
CREATE FUNCTION conversion_move() RETURNS trigger
LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
BEGIN
    IF NOT (
        (OLD.status IN ('over_cap', 'unfunded') AND NEW.status IN ('pending', 'rejected'))
        OR (OLD.status = 'pending' AND NEW.status IN ('approved', 'rejected'))
        OR (OLD.status = 'approved' AND NEW.status = 'reversed')
        OR (OLD.status = 'rejected' AND NEW.status = 'approved')
    ) THEN
        RAISE EXCEPTION 'a conversion cannot go from % to %', OLD.status, NEW.status
            USING ERRCODE = 'check_violation', CONSTRAINT = 'conversion_move';
    END IF;
    RETURN NEW;
END $$;

CREATE TRIGGER conversion_move BEFORE UPDATE OF status ON conversion
    FOR EACH ROW WHEN (OLD.status IS DISTINCT FROM NEW.status) EXECUTE FUNCTION conversion_move();
"""

# Reversals are negative shares. Two of them at once, each small enough alone, must not take back
# more than was approved: both lock the conversion first, and this looks at the sum they leave.
SHARES = """
CREATE FUNCTION share_guard() RETURNS trigger
LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
BEGIN
    IF EXISTS (
        SELECT FROM conversion_share
        WHERE conversion_id IN (SELECT conversion_id FROM fresh)
        GROUP BY conversion_id, affiliate_id, role
        HAVING sum(revenue_micros) < 0 OR sum(commission_micros) < 0
    ) THEN
        RAISE EXCEPTION 'reversals pass what was approved'
            USING ERRCODE = 'check_violation', CONSTRAINT = 'share_sum_not_negative';
    END IF;
    RETURN NULL;
END $$;

CREATE TRIGGER share_guard AFTER INSERT ON conversion_share
    REFERENCING NEW TABLE AS fresh FOR EACH STATEMENT EXECUTE FUNCTION share_guard();
"""


class Migration(migrations.Migration):
    dependencies = [("tracking", "0001_tables"), ("network", "0001_kernel")]

    operations = [
        migrations.RunSQL(CLICKS, "DROP FUNCTION make_click_partition; DROP TABLE click"),
        migrations.RunSQL(MOVES, "DROP FUNCTION conversion_move CASCADE"),
        migrations.RunSQL(SHARES, "DROP FUNCTION share_guard CASCADE"),
        append_only("report"),
        append_only("report_outcome"),
        append_only("conversion_key"),
        append_only("conversion_event"),
        append_only("conversion_share"),
        update_only(
            "conversion",
            "status",
            "reason",
            "due_at",
            "seq",
            "reserved_micros",
            "revenue_micros",
            "commission_micros",
        ),
    ]
