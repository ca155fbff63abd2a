"""The pages of a prediction, of appeals and of a deployment, in a browser: for everybody, in both themes."""

from __future__ import annotations

import json

import pytest
from django.conf import settings
from django.test import Client
from django.urls import reverse

from audits.runtime.appeals import appeal_file, appeal_take
from audits.runtime.models import Batch
from core.roles import Role
from tests.e2e.test_ledger_pages import WIDTHS, browser, look, sign_in  # noqa: F401 - two of them are fixtures
from tests.factories.federation import make_federation
from tests.factories.people import make_people, make_user
from tests.factories.registry import make_deployment


@pytest.mark.e2e
@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(("scheme", "size"), [("light", "phone"), ("dark", "desk")])
def test_predictions_and_appeals_are_for_everybody(sign_in, live_server, scheme, size):  # noqa: F811 - a fixture
    people = make_people()
    deployment = make_deployment(make_federation(people), policy={"age": [18, 65]})
    client = Client()
    client.force_login(people.clinician, backend="django.contrib.auth.backends.ModelBackend")
    record = {"event_key": "a", "patient": "p", "attributes": {"sex": "female"}, "features": [0.1, 1.5, 0.3, 0.9]}
    for age in (17, 40):
        body = json.dumps({"records": [{**record, "age": age}]})
        client.post(f"/api/v1/deployments/{deployment.id}/predictions", body, content_type="application/json")
    appeal = appeal_file(
        deployment=deployment, event_key="a", contested_by="patient", grounds="It was misread.", actor=people.clinician
    )
    faults: list[str] = []
    page = sign_in(scheme, WIDTHS[size])
    pages = {
        "prediction": reverse("prediction", args=[deployment.id, Batch.objects.get().id, 0]),
        "appeals": reverse("appeals"),
        "appeal": reverse("appeal", args=[appeal.id]),
        "deployment": reverse("deployment", args=[deployment.id]),
    }
    look(page, live_server.url, pages, faults, scheme, size)
    # Once more for who has the forms: they review, contest another case and decide about this one.
    second = make_user("second@test.example", Role.CLINICIAN, people.north)
    appeal_take(appeal=appeal, actor=second)
    client.force_login(second, backend="django.contrib.auth.backends.ModelBackend")
    session = {"name": settings.SESSION_COOKIE_NAME, "value": client.session.session_key, "url": live_server.url}
    page.context.add_cookies([session])
    look(page, live_server.url, {f"{name}-forms": path for name, path in pages.items()}, faults, scheme, size)
    assert page.get_by_label("Name of a case of your site").count() == 1
    assert faults == [], "\n".join(faults)
