"""What only the owner role can do, for the tests' own housekeeping."""

from __future__ import annotations

import json
import os

import psycopg2

from core.grants import ALWAYS

KEEP = {"django_migrations", "django_content_type", "auth_permission"}


def empty_schema(owner_url: str) -> None:
    """Back to nothing, so that a run starts from the migrations."""
    connection = psycopg2.connect(owner_url)
    connection.autocommit = True
    with connection.cursor() as cursor:
        cursor.execute("DROP SCHEMA public CASCADE")
        cursor.execute("CREATE SCHEMA public")
    connection.close()


def empty_tables(owner_url: str) -> None:
    """Empty every table. The guards against TRUNCATE are lifted for that moment, which is the owner's privilege."""
    connection = psycopg2.connect(owner_url)
    with connection, connection.cursor() as cursor:
        cursor.execute(
            "SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p') "
            "AND NOT relispartition"
        )
        tables = [name for (name,) in cursor.fetchall() if name not in KEEP]
        for table in tables:
            cursor.execute(f'ALTER TABLE "{table}" DISABLE TRIGGER USER')
        cursor.execute("TRUNCATE " + ", ".join(f'"{table}"' for table in tables) + " RESTART IDENTITY CASCADE")
        for table in tables:
            cursor.execute(f'ALTER TABLE "{table}" ENABLE TRIGGER USER')
        cursor.execute(ALWAYS)
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
