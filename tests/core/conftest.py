from __future__ import annotations

import os
from collections.abc import Iterator

import psycopg2
import pytest
from psycopg2.extensions import cursor as Cursor


@pytest.fixture
def owner() -> Iterator[Cursor]:
    """The owner, in a transaction that is rolled back."""
    opened = psycopg2.connect(os.environ["DATABASE_OWNER_URL"])
    with opened.cursor() as cursor:
        yield cursor
    opened.rollback()
    opened.close()
