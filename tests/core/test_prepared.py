import pytest
from django.db import connection, transaction

from core.prepared import Prepared

pytestmark = pytest.mark.django_db

TWICE = Prepared("SELECT %(n)s::integer * 2, %(text)s::text || '%%', %(n)s::integer + 1")


def run(statement: Prepared, values: dict, **more) -> tuple:
    with connection.cursor() as cursor:
        statement.execute(cursor, values, **more)
        return cursor.fetchone()


def known() -> list[str]:
    with connection.cursor() as cursor:
        cursor.execute("SELECT name FROM pg_prepared_statements WHERE name = %s", [TWICE.name])
        return [name for (name,) in cursor.fetchall()]


def test_places_are_named_may_come_twice_and_take_any_text():
    assert run(TWICE, {"n": 4, "text": "it's 5%; \\"}) == (8, "it's 5%; \\%", 5)
    assert run(TWICE, {"n": -1, "text": None}) == (-2, None, 0)
    assert run(Prepared("SELECT 1"), {}) == (1,)


def test_it_is_planned_once_a_connection(django_assert_num_queries):
    run(TWICE, {"n": 1, "text": ""})
    with django_assert_num_queries(1):
        run(TWICE, {"n": 2, "text": ""})
    assert known() == [TWICE.name]


def test_what_goes_before_it_is_sent_with_it(django_assert_num_queries):
    run(TWICE, {"n": 1, "text": ""})
    with django_assert_num_queries(1):
        found = run(TWICE, {"n": 3, "text": ""}, before="SELECT set_config('qfl.context', 'x', true);")
    assert found == (6, "%", 4)


@pytest.mark.django_db(transaction=True)
def test_a_rolled_back_transaction_and_a_new_connection_do_no_harm():
    with transaction.atomic():
        run(TWICE, {"n": 1, "text": ""})
        transaction.set_rollback(True)
    assert run(TWICE, {"n": 1, "text": ""})[0] == 2
    connection.close()
    assert known() == []
    assert run(TWICE, {"n": 3, "text": ""})[0] == 6
