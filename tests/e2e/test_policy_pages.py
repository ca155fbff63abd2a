"""The pages of policies and of outside boards, in a browser: for everybody, in both themes, on a phone too."""

from __future__ import annotations

import pytest
from django.urls import reverse

from audits.predeployment import policies
from tests.e2e.test_ledger_pages import WIDTHS, browser, look, sign_in  # noqa: F401 - two of them are fixtures
from tests.factories.boards import invite, make_heart_version
from tests.factories.federation import make_federation
from tests.factories.people import make_people


@pytest.mark.e2e
@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(("scheme", "size"), [("light", "phone"), ("dark", "desk")])
def test_policies_and_boards_are_for_everybody(sign_in, live_server, monkeypatch, scheme, size):  # noqa: F811 - a fixture
    people = make_people()
    external = invite(make_heart_version(make_federation(people), monkeypatch), people.administrator)
    content = policies.in_force("limited").content
    content["checks"]["bias_score"]["settings"]["threshold"] = 0.05
    made = policies.policy_propose(
        risk_class="limited", content=content, justification="Smaller gaps.", actor=people.administrator
    )
    faults: list[str] = []
    page = sign_in(scheme, WIDTHS[size])
    pages = {
        "policies": reverse("policies"),
        "policy": reverse("policy", args=[made.id]),
        "external-audits": reverse("external_audits"),
        "external-audit": reverse("external_audit", args=[external.id]),
    }
    look(page, live_server.url, pages, faults, scheme, size)
    assert faults == [], "\n".join(faults)
