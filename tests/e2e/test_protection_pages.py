"""The pages of data protection and continuity, in a browser: for everybody, in both themes, on a phone too."""

from __future__ import annotations

import datetime as dt

import pytest
from django.urls import reverse
from django.utils import timezone

from protection import assessments, breaches, register, requests, retention
from protection.domain.texts import activities, sections
from protection.models import Backup, RestoreDrill
from tests.audits.posthoc.conftest import write_ledger
from tests.e2e.test_ledger_pages import WIDTHS, browser, look, sign_in  # noqa: F401 - two of them are fixtures
from tests.factories.federation import World, make_federation
from tests.factories.people import make_people
from tests.factories.registry import make_deployment


def fill(world: World) -> dict[str, str]:
    """Something on each page, and the pages."""
    people, model, now = world.people, make_deployment(world).version.model, timezone.now()
    officer, admin = people.officer_north, people.administrator
    register.note_save(
        activity=activities()[0], institution=None, revision=0, content={"controller": "Each hospital"}, actor=admin
    )
    draft = assessments.assessment_begin(model=model, actor=officer)
    assessments.assessment_save(
        assessment=draft, revision=1, actor=officer, texts={section.key: "reasons " * 20 for section in sections()}
    )
    found = requests.request_record(
        institution=people.north, kind="restriction", reference="M-1", patient="4711", text="By letter.",
        received_on=now.date() - dt.timedelta(days=40), actor=officer,
    )  # fmt: skip
    breach = breaches.breach_open(
        institution=None, incident=None, nature="A list was sent to a stranger.", actor=admin, aware_at=now,
        persons=3, personal_data=True, risk=True, high_risk=None, phi=False, processor=False,
    )  # fmt: skip
    retention.hold_place(record=None, ends_on=now.date(), reason="Court of X.", actor=admin)
    retention.execute(actor=admin)
    told = {"name": "b", "taken_at": now, "manifest": "", "size": 10**7, "entries": 1000, "rows": 5000, "key": "k"}
    Backup.objects.create(**told, seconds=1)
    for outcome, problems in (("passed", []), ("failed", ["The backup was changed: database.sealed"])):
        RestoreDrill.objects.create(
            backup="b", taken_at=now, held_by=admin, outcome=outcome, seconds=12.5, lost_seconds=60, lost_entries=7,
            problems=problems, figures={"entries": 1000, "rows": 5000, "files": 2, "since": []},
        )  # fmt: skip
    write_ledger()
    names = ("protection", "processing_record", "assessments", "subject_requests", "breaches", "retention",
             "retention_preview", "continuity", "breach_new")  # fmt: skip
    return {
        **{name: reverse(name) for name in names},
        "note": reverse("processing_note", args=["training"]), "assessment": reverse("assessment", args=[draft.pk]),
        "assessment-edit": reverse("assessment_edit", args=[draft.pk]),
        "request": reverse("subject_request", args=[found.pk]), "breach": reverse("breach", args=[breach.pk]),
        "rule": reverse("retention_rule", args=["sessions"]),
    }  # fmt: skip


@pytest.mark.e2e
@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(("scheme", "size", "who"), [("light", "phone", "officer.north"), ("dark", "desk", "admin")])
def test_data_protection_is_for_everybody(sign_in, live_server, scheme, size, who):  # noqa: F811 - a fixture
    faults: list[str] = []
    pages = fill(make_federation(make_people()))
    if who != "admin":
        del pages["rule"]
    look(sign_in(scheme, WIDTHS[size], who), live_server.url, pages, faults, scheme, size)
    assert faults == [], "\n".join(faults)
