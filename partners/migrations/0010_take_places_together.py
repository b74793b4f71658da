"""All places of a batch are taken by two statements, whatever the number of windows."""

from django.db import migrations

# A statement for each window pays for its beginning and its end, checks of the table read from the
# catalogue among them, twice as much as for the row.
#
# The locks come first and in the order in which the windows stand: the caller sorts them, so that
# no two batches wait for each other. LATERAL holds PostgreSQL to that order, since what locks a
# window is asked for one row of the list after the other. A batch that had to wait reads the row as
# it has become. After that nobody else changes the rows, and the order of the update is free.
#
# `take_places` stays, since trackers that ask for it go on until each of them is replaced.
#
# The plan is made once for all sizes of table and list, so it must not be one for small tables.
TAKE = """
CREATE FUNCTION take_places_together(
    caps bigint[], starts timestamptz[], keys text[], wanted bigint[]
) RETURNS bigint[] LANGUAGE plpgsql
SET search_path = public, pg_temp SET enable_seqscan = off SET plan_cache_mode = force_generic_plan
AS $$
DECLARE
    ids bigint[];
    held bigint[];
    room bigint[];
BEGIN
    SELECT
        array_agg(place.id ORDER BY number),
        array_agg(place.used ORDER BY number),
        array_agg(place.limit_count ORDER BY number)
    INTO ids, held, room
    FROM unnest(caps, starts, keys) WITH ORDINALITY AS asked (cap_id, starts_at, key, number)
    CROSS JOIN LATERAL (
        SELECT id, used, limit_count FROM cap_window
        WHERE cap_id = asked.cap_id AND starts_at = asked.starts_at AND key = asked.key
        FOR NO KEY UPDATE
    ) AS place;
    IF coalesce(cardinality(ids), 0) < cardinality(caps) THEN
        RETURN NULL;
    END IF;
    UPDATE cap_window SET used = used + least(taking.places, limit_count - used)
    FROM unnest(ids, wanted) AS taking (id, places)
    WHERE cap_window.id = taking.id AND used < limit_count;
    RETURN held || room;
END $$;
"""


class Migration(migrations.Migration):
    dependencies = [("partners", "0009_take_places")]

    operations = [migrations.RunSQL(TAKE, "DROP FUNCTION take_places_together")]
