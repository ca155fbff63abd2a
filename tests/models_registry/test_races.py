"""Two people at once, on two connections: what the second one does rests on what the first one did."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

import pytest
from django.db import connection, transaction

from core import jobs
from models_registry import approvals, services
from models_registry.models import ApprovalRequest, Version
from tests.factories.federation import World
from tests.factories.registry import make_approved_request, make_evidence

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def _no_bell(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jobs, "ring", lambda job_id: None)


class Other:
    """A second person, on a connection of their own."""

    def __init__(self, act: Callable[[], object]) -> None:
        self.result: object = None
        self.error: Exception | None = None
        self._thread = threading.Thread(target=self._run, args=(act,))
        self._thread.start()

    def _run(self, act: Callable[[], object]) -> None:
        try:
            self.result = act()
        except Exception as error:  # noqa: BLE001 - handed to the test
            self.error = error
        finally:
            connection.close()

    def wait_until_blocked(self) -> None:
        for _ in range(500):
            with connection.cursor() as cursor:
                cursor.execute("SELECT count(*) FROM pg_locks WHERE NOT granted")
                if cursor.fetchone()[0]:
                    return
            time.sleep(0.01)
        raise AssertionError("the other person was never held up")

    def finish(self) -> object:
        self._thread.join(timeout=10)
        if self.error is not None:
            raise self.error
        return self.result


def test_a_request_binds_the_evidence_that_was_being_written(world: World, audited: Version) -> None:
    with transaction.atomic():
        evidence = make_evidence(audited, "pass")
        other = Other(
            lambda: services.approval_request(
                version=audited, kind="clinical", justification="For the ward.", actor=world.people.administrator
            )
        )
        other.wait_until_blocked()

    made = other.finish()
    assert isinstance(made, ApprovalRequest)
    assert made.content["audit"] == evidence.digest
    assert made.content["card"] == audited.cards.latest("edition").digest


def test_a_deployment_and_new_evidence_do_not_hold_each_other_up(world: World) -> None:
    request = make_approved_request(world)
    with transaction.atomic():
        approvals.lock_request(request.id)
        other = Other(lambda: make_evidence(request.version, "fail"))
        other.wait_until_blocked()
        deployment = services.deployment_create(request=request, name="Ward", actor=world.people.administrator)

    other.finish()
    request.refresh_from_db()
    assert deployment.approval_id == request.id
    assert request.state == ApprovalRequest.State.APPROVED  # deployed before the evidence came
    assert request.version.evidence.latest("created_at").verdict == "fail"


def test_an_approval_is_void_once_the_evidence_that_was_being_written_is_there(world: World) -> None:
    request = make_approved_request(world)
    with transaction.atomic():
        make_evidence(request.version, "pass")
        other = Other(
            lambda: services.deployment_create(request=request, name="Ward", actor=world.people.administrator)
        )
        other.wait_until_blocked()

    with pytest.raises(Exception, match="Only an approved request is deployed; this one is voided"):
        other.finish()
