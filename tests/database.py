"""What only the owner role can do, for the tests' own housekeeping."""

from __future__ import annotations

import json
import os

import psycopg2

from core.grants import ALWAYS

KEEP = ["django_migrations", "django_content_type", "auth_permission"]
RESTART = """
SELECT setval(s.seqrelid, s.seqstart, false) FROM pg_sequence s JOIN pg_depend d ON d.objid = s.seqrelid
JOIN pg_class c ON c.oid = d.refobjid AND d.deptype IN ('a', 'i') AND c.relnamespace = 'public'::regnamespace
WHERE c.relname <> ALL(%s) AND pg_sequence_last_value(s.seqrelid) IS NOT NULL
"""


def empty_schema(owner_url: str) -> None:
    """Back to nothing, so that a run starts from the migrations."""
    connection = psycopg2.connect(owner_url)
    connection.autocommit = True
    with connection.cursor() as cursor:
        cursor.execute("DROP SCHEMA public CASCADE")
        cursor.execute("CREATE SCHEMA public")
    connection.close()


def empty_tables(owner_url: str) -> None:
    """Empty every table. The guards against DELETE are lifted for that moment, which is the owner's privilege.

    Only what a test has filled or counted up is touched: to TRUNCATE all tables takes longer than most tests.
    """
    connection = psycopg2.connect(owner_url)
    with connection, connection.cursor() as cursor:
        cursor.execute(
            "SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p') "
            "AND NOT relispartition AND relname <> ALL(%s)",
            [KEEP],
        )
        looks = (f"SELECT '{name}' WHERE EXISTS (SELECT FROM \"{name}\")" for (name,) in cursor.fetchall())
        cursor.execute(" UNION ALL ".join(looks))
        filled = [f'"{name}"' for (name,) in cursor.fetchall()]
        for change in (
            *(f"ALTER TABLE {table} DISABLE TRIGGER USER" for table in filled),
            *(f"DELETE FROM {table}" for table in filled),  # foreign keys are looked at afterwards, so in any order
            "SET CONSTRAINTS ALL IMMEDIATE",
            *(f"ALTER TABLE {table} ENABLE TRIGGER USER" for table in filled),
            ALWAYS,
        ):
            cursor.execute(change)
        cursor.execute(RESTART, [KEEP])
    connection.close()


def rewrite_version(version_id: object, field: str, value: object) -> None:
    """Change a version past its guard, as only the owner can: what the digests are there to detect.

    The version must be committed (`django_db(transaction=True)`).
    """
    connection = psycopg2.connect(os.environ["DATABASE_OWNER_URL"])
    with connection, connection.cursor() as cursor:
        cursor.execute("ALTER TABLE models_registry_version DISABLE TRIGGER USER")
        cursor.execute(
            f'UPDATE models_registry_version SET "{field}" = %s WHERE id = %s',
            [json.dumps(value) if isinstance(value, dict) else value, str(version_id)],
        )
        cursor.execute("ALTER TABLE models_registry_version ENABLE TRIGGER USER")
        cursor.execute(ALWAYS)
    connection.close()
