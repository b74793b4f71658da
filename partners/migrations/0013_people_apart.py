"""Who makes deals moves no money, and neither works for a partner: also not under concurrency."""

from django.db import migrations

# People from before may still have both; what is there is not touched, and no more can be added.
PEOPLE_APART = """
CREATE FUNCTION membership_apart() RETURNS trigger
LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
BEGIN
    -- Of two memberships that one person is given at once, the second waits here, and then sees
    -- the first. The weaker lock leaves alone who only refers to the person.
    PERFORM 1 FROM person WHERE id = NEW.user_id FOR NO KEY UPDATE;
    IF EXISTS (
        SELECT FROM membership
        WHERE user_id = NEW.user_id AND id <> NEW.id AND role <> NEW.role
            AND (role IN ('operator', 'finance') OR NEW.role IN ('operator', 'finance'))
    ) THEN
        RAISE EXCEPTION 'nobody is two of operator, finance and a partner'
            USING ERRCODE = 'check_violation', CONSTRAINT = 'membership_apart';
    END IF;
    RETURN NEW;
END $$;

CREATE TRIGGER membership_apart BEFORE INSERT OR UPDATE OF user_id, role ON membership
    FOR EACH ROW EXECUTE FUNCTION membership_apart();
"""


class Migration(migrations.Migration):
    dependencies = [("partners", "0012_left_keys")]

    operations = [
        migrations.RunSQL(PEOPLE_APART, "DROP FUNCTION membership_apart CASCADE"),
    ]
