"""Places in caps are taken by one function, within the message that stores the clicks."""

from django.db import migrations

# One row after the other, in the order in which they stand: the caller sorts them, so that no two
# batches wait for each other. A statement over all of them would take its locks in the order of
# whatever plan it gets, and its plan anew each time.
TAKE = """
CREATE FUNCTION take_places(
    caps bigint[], starts timestamptz[], keys text[], wanted bigint[]
) RETURNS bigint[] LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
DECLARE
    answer bigint[] := '{}';
    held bigint;
    room bigint;
BEGIN
    FOR place IN 1 .. cardinality(caps) LOOP
        UPDATE cap_window SET used = used + wanted[place]
        WHERE cap_id = caps[place] AND starts_at = starts[place] AND key = keys[place]
            AND used + wanted[place] <= limit_count
        RETURNING used - wanted[place], limit_count INTO held, room;
        IF NOT FOUND THEN
            SELECT used, limit_count INTO held, room FROM cap_window
            WHERE cap_id = caps[place] AND starts_at = starts[place] AND key = keys[place]
            FOR UPDATE;
            IF NOT FOUND THEN
                RETURN NULL;
            END IF;
            -- Between the two the limit may have been raised.
            UPDATE cap_window SET used = least(limit_count, used + wanted[place])
            WHERE cap_id = caps[place] AND starts_at = starts[place] AND key = keys[place]
                AND used < limit_count;
        END IF;
        answer := answer || held || room;
    END LOOP;
    RETURN answer;
END $$;
"""


class Migration(migrations.Migration):
    dependencies = [("partners", "0008_external_goals")]

    operations = [migrations.RunSQL(TAKE, "DROP FUNCTION take_places")]
