"""What the application role may do. Applied by the owner role after each migration."""

from __future__ import annotations

from django.apps import apps
from django.conf import settings
from django.db import connection

from core import specialise
from core.capture import AppendOnly

# An ordinary trigger sleeps while `session_replication_role` is replica; ours never do.
ALWAYS = """
DO $$
DECLARE found record;
BEGIN
    FOR found IN
        SELECT t.tgname, t.tgrelid::regclass AS "table" FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid
        WHERE NOT t.tgisinternal AND t.tgenabled <> 'A' AND t.tgparentid = 0
          AND c.relnamespace = 'public'::regnamespace
    LOOP
        EXECUTE format('ALTER TABLE %s ENABLE ALWAYS TRIGGER %I', found."table", found.tgname);
    END LOOP;
END $$
"""


# A capture trigger on a table of the session's own would write entries of rows that never were; and a partition is
# reached through its parent alone, whose rights are what counts.
CLOSED = """
DO $$
DECLARE found record;
BEGIN
    FOR found IN
        SELECT p.oid::regprocedure AS signature FROM pg_proc p
        WHERE p.pronamespace = 'public'::regnamespace AND p.proname LIKE 'core\\_capture%'
    LOOP
        EXECUTE format('REVOKE ALL ON FUNCTION %s FROM PUBLIC, {role}', found.signature);
    END LOOP;
    FOR found IN SELECT oid::regclass AS name FROM pg_class WHERE relispartition AND relkind IN ('r', 'p')
        AND relnamespace = 'public'::regnamespace
    LOOP
        EXECUTE format('REVOKE ALL ON TABLE %s FROM {role}', found.name);
    END LOOP;
END $$
"""


def capture_by_the_shared_function(sender, **kwargs) -> None:
    """Before a migration: whatever it makes of a table, the function that looks its columns up each time fits."""
    if sender.name != "core" or settings.DATABASE_ROLE != "owner":
        return
    with connection.cursor() as cursor:
        for statement in [*specialise.shared(), ALWAYS]:
            cursor.execute(statement)


def grant_application_role(sender, **kwargs) -> None:
    """Grant the application role reads and writes, append-only tables INSERT only, the outbox nothing but reads."""
    if sender.name != "core" or settings.DATABASE_ROLE != "owner":
        return
    role = connection.ops.quote_name(settings.DATABASE_APP_USER)
    database = connection.ops.quote_name(connection.settings_dict["NAME"])
    insert_only = [
        model._meta.db_table
        for model in apps.get_models(include_auto_created=True)
        if getattr(model, "bulk", False)
        or any(isinstance(trigger, AppendOnly) for trigger in getattr(model._meta, "triggers", []))
    ]
    statements = [
        f"GRANT TEMPORARY ON DATABASE {database} TO {role}",  # for the replay
        f"GRANT USAGE ON SCHEMA public TO {role}",
        f"GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO {role}",
        f"GRANT USAGE, SELECT ON ALL SEQUENCES IN SCHEMA public TO {role}",
        f"GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA public TO {role}",
        f"REVOKE INSERT, UPDATE, DELETE ON core_outbox FROM {role}",
        f"REVOKE EXECUTE ON FUNCTION core_outbox_insert(text, text, text, jsonb) FROM {role}",
        f"REVOKE EXECUTE ON FUNCTION core_rebaseline(regclass) FROM {role}",
        f"REVOKE INSERT, UPDATE, DELETE ON django_migrations FROM {role}",
        # pgtrigger lets any session name triggers to be ignored; ours are guards, so nothing is ever ignored.
        "CREATE OR REPLACE FUNCTION public._pgtrigger_should_ignore(trigger_name name) RETURNS boolean "
        "LANGUAGE sql IMMUTABLE AS 'SELECT false'",
        *(f"REVOKE UPDATE, DELETE ON {connection.ops.quote_name(table)} FROM {role}" for table in insert_only),
        f"REVOKE DELETE ON core_subjectkey FROM {role}",  # what is left of a shredded key says that it was
    ]
    statements += [*specialise.statements(), ALWAYS, CLOSED.format(role=role)]
    with connection.cursor() as cursor:
        for statement in statements:
            cursor.execute(statement)
