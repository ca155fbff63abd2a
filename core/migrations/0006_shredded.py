"""A shredded key stays shredded: no second key is ever made for the same person."""

from django.db import migrations

GUARD = """
CREATE FUNCTION core_shredded_stays() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF OLD.shredded_at IS NOT NULL AND (NEW.shredded_at IS NULL OR NEW.wrapped <> ''::bytea) THEN
        RAISE EXCEPTION 'the key of % was shredded; it stays so', OLD.subject USING ERRCODE = 'restrict_violation';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER shredded_stays BEFORE UPDATE ON core_subjectkey FOR EACH ROW EXECUTE FUNCTION core_shredded_stays();
"""


class Migration(migrations.Migration):
    dependencies = [("core", "0005_event_index")]
    operations = [migrations.RunSQL(GUARD, "DROP FUNCTION core_shredded_stays() CASCADE")]
