"""Audits that wait, that went on without a hospital, and fails that stand or were answered, in a browser."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.urls import reverse
from django.utils import timezone

from audits.predeployment import services
from core import jobs
from core.models import Job
from models_registry.services import approval_request
from tests.e2e.test_ledger_pages import WIDTHS, browser, look, sign_in  # noqa: F401 - two of them are fixtures
from tests.factories.audits import answer_all, conclude, make_audit, pending
from tests.factories.boards import invite, make_phantom_version
from tests.factories.federation import make_federation
from tests.factories.people import make_people


@pytest.mark.e2e
@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(("scheme", "size"), [("light", "desk"), ("dark", "phone")])
def test_what_an_audit_waits_for_and_what_failed_before(sign_in, live_server, scheme, size):  # noqa: F811 - a fixture
    people = make_people()
    version = make_phantom_version(make_federation(people))
    make_audit(version, "fail")
    waiting = services.audit_start(version=version, actor=people.administrator)
    deadline = Job.objects.filter(kind="audit.deadline", payload__order=str(pending(waiting, "south")[0].id))
    deadline.update(next_run_at=timezone.now() - timedelta(seconds=9))
    assert jobs.run(deadline.get().id)
    faults: list[str] = []
    page = sign_in(scheme, WIDTHS[size])
    look(page, live_server.url, {"audit-waits": reverse("audit", args=[waiting.id])}, faults, scheme, size)
    answer_all(waiting)
    conclude(waiting)
    pages = {
        "audit-stands": reverse("audit", args=[waiting.id]),
        "version-stands": reverse("version", args=[version.id]),
        "external-drawn": reverse("external_audit", args=[invite(version, people.administrator).id]),
    }
    look(page, live_server.url, pages, faults, scheme, size)
    make_audit(version, "pass")
    request = approval_request(version=version, kind="clinical", justification="why", actor=people.administrator)
    look(page, live_server.url, {"approval-fails": reverse("approval", args=[request.id])}, faults, scheme, size)
    assert faults == [], "\n".join(faults)
