"""Look-ups of entries by object go through the hash of the object's name, and are never fooled by it."""

import pytest
from django.db import connection

from provenance.models import Entry

NAMES = "SELECT core_record('provenance', 'HEARTBEAT', name, '{}') FROM unnest(%s) AS name"
TWINS = """
    WITH named AS (SELECT n::text AS name, hashtext(n::text) AS hash FROM generate_series(1, 300000) AS n)
    SELECT min(name), max(name) FROM named GROUP BY hash HAVING count(*) > 1 LIMIT 1
"""


@pytest.fixture
def twins(log) -> tuple[str, str]:
    """Entries about two names of one hash, and about others."""
    with connection.cursor() as cursor:
        cursor.execute(TWINS)
        one, other = cursor.fetchone()
        cursor.execute(NAMES, [[one, other, one, "else", "NULL"]])
    log.drain()
    return one, other


@pytest.mark.django_db
def test_names_of_one_hash_are_told_apart(twins):
    one, other = twins
    assert list(Entry.objects.filter(object_id=one).order_by("seq").values_list("seq", flat=True)) == [0, 2]
    assert [entry.seq for entry in Entry.objects.filter(object_id=other)] == [1]
    assert Entry.objects.exclude(object_id=one).count() == 3


@pytest.mark.django_db
def test_several_names_at_once_and_names_from_a_query(twins):
    one, _ = twins
    assert [entry.seq for entry in Entry.objects.filter(object_id__in=[one, "else", "nowhere"])] == [0, 2, 3]
    assert not Entry.objects.filter(object_id__in=[])
    found = Entry.objects.filter(object_id__in=Entry.objects.filter(seq=1).values("object_id"))
    assert [entry.seq for entry in found] == [1]


@pytest.mark.django_db
@pytest.mark.parametrize("wanted", [{"object_id": "else"}, {"object_id__in": ["else", "other"]}])
def test_the_index_serves_them(twins, wanted):
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL enable_seqscan = off")  # five rows are read faster than an index
    assert "entry_object" in Entry.objects.filter(**wanted).order_by().explain()
