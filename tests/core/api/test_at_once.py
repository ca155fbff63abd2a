"""Two who send the same tag at once: the second is refused, whoever that is."""

from __future__ import annotations

import threading

import pytest
from django.db import connection
from django.test import Client

from tests.factories.federation import make_federation, make_run
from tests.factories.people import make_people

pytestmark = pytest.mark.django_db(transaction=True)


def test_one_wins_and_the_other_is_told():
    world = make_federation(make_people())
    run = make_run(world)
    answers, ready = [], threading.Barrier(2)
    tag = _asking(world.people.administrator).get(f"/api/v1/runs/{run.id}")["ETag"]

    def abort(person) -> None:
        client = _asking(person)
        ready.wait()
        path = f"/api/v1/runs/{run.id}/abort"
        answers.append(
            client.post(path, {"reason": "x"}, content_type="application/json", headers={"If-Match": tag}).status_code
        )
        connection.close()

    both = [
        threading.Thread(target=abort, args=[person])
        for person in (world.people.administrator, world.people.administrator2)
    ]
    for thread in both:
        thread.start()
    for thread in both:
        thread.join()
    assert sorted(answers) == [200, 412]


def _asking(person) -> Client:
    client = Client()
    client.force_login(person, backend="django.contrib.auth.backends.ModelBackend")
    return client
