"""The tests' own housekeeping: after a test that commits, the next finds an empty database with its guards up."""

from __future__ import annotations

import os

import psycopg2
import pytest

from accounts.models import User
from core.models import Outbox
from tests.database import empty_tables
from tests.factories.people import make_people
from tests.longest import LONGEST, ROOT


@pytest.mark.django_db(transaction=True)
def test_an_emptied_database_counts_from_one_and_is_guarded_again():
    make_people()
    empty_tables(os.environ["DATABASE_OWNER_URL"])
    assert not Outbox.objects.exists() and not User.objects.exists()
    make_people()
    assert Outbox.objects.order_by("id").first().pk == 1
    with psycopg2.connect(os.environ["DATABASE_OWNER_URL"]) as owner, owner.cursor() as cursor:
        cursor.execute("SELECT bool_and(tgenabled = 'A') FROM pg_trigger WHERE NOT tgisinternal AND tgparentid = 0")
        assert cursor.fetchone() == (True,)


def test_the_files_that_are_begun_first_are_there():
    assert [name for name in LONGEST if not (ROOT / name).is_file()] == []
