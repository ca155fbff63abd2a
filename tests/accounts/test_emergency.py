"""Emergency access: asked for by one, confirmed by another, for an hour, and judged by a third."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.core import mail
from django.db import IntegrityError, transaction
from django.urls import reverse
from django.utils import timezone

from accounts import emergency
from accounts.models import EmergencyAccess
from audits.runtime import services as runtime
from audits.runtime.models import Halt
from core import jobs
from core.errors import ApplicationError, Conflict, Forbidden, NotFound
from core.models import Job, Outbox
from core.roles import MATRIX, Role
from tests.factories.federation import make_federation
from tests.factories.people import PASSWORD, make_people, make_user
from tests.factories.registry import make_deployment

pytestmark = pytest.mark.django_db
REASON = "The monitor shows missed lesions and no officer answers."


@pytest.fixture
def people():
    return make_people()


@pytest.fixture
def deployment(people):
    return make_deployment(make_federation(people))


def asked(people, client):
    given = {"institution": people.north.pk, "reason": REASON, "password": PASSWORD}
    assert client.post(reverse("emergencies"), given).status_code == 302
    return EmergencyAccess.objects.latest("created_at")


def confirmed(people, client, by=None) -> EmergencyAccess:
    return emergency.emergency_confirm(actor=by or people.operator_north, access_id=asked(people, client).pk)


def halted_by(client, deployment) -> int:
    return client.post(reverse("deployment_halt", args=[deployment.pk]), {"reason": REASON, "site": ""}).status_code


def test_two_people_lend_a_clinician_the_right_to_halt_for_an_hour(people, deployment, client_of):
    client, second = client_of(people.clinician), client_of(people.operator_north)
    assert halted_by(client, deployment) == 403
    access = asked(people, client)
    assert halted_by(client, deployment) == 403  # asked for is not lent
    home = second.get(reverse("home")).content.decode()
    assert "asks for emergency access: confirm it?" in home and REASON in home
    assert second.post(reverse("emergency_confirm", args=[access.pk])).status_code == 302
    assert "Emergency access is on until" in client.get(reverse("deployments")).content.decode()
    assert halted_by(client, deployment) == 302
    assert Halt.objects.get().halted_by == people.clinician
    said = [row.said.action for row in Outbox.objects.filter(table="accounts_emergencyaccess").order_by("id")]
    assert said == ["emergency.request", "emergency.confirm"]
    assert REASON not in str(list(Outbox.objects.values_list("body", "context")))  # sealed


def test_it_holds_in_the_window_that_asked_until_its_hour_is_over_or_somebody_ends_it(people, deployment, client_of):
    client, other = client_of(people.clinician), client_of(people.clinician)
    access = confirmed(people, client)
    assert client.get(reverse("deployment", args=[deployment.pk])).content.count(b"Halt") > 0
    assert halted_by(other, deployment) == 403
    EmergencyAccess.objects.update(ends_at=timezone.now())
    assert halted_by(client, deployment) == 403 and not emergency.institution_of(people.clinician)
    EmergencyAccess.objects.update(ends_at=timezone.now() + timedelta(minutes=5))
    client_of(people.officer_north).post(reverse("emergency_end", args=[access.pk]))
    assert halted_by(client, deployment) == 403
    with pytest.raises(Conflict):
        emergency.emergency_end(actor=people.clinician, access_id=access.pk)


def test_exactly_what_a_halt_needs_is_lent_and_nothing_else(people, client_of):
    client = client_of(people.clinician)
    confirmed(people, client)
    person = people.clinician
    before = {action for action in MATRIX if person.may(action)}
    person.lent = emergency.LENT
    assert {action for action in MATRIX if person.may(action)} - before == {"deployment.halt", "deployment.reinstate"}
    operator = people.operator_north
    before = {action for action in MATRIX if operator.may(action)}
    operator.lent = emergency.LENT
    gained = {action for action in MATRIX if operator.may(action)} - before
    assert gained == {"deployment.halt", "deployment.reinstate"}
    assert client.get(reverse("approvals")).status_code == 403 and client.get(reverse("people")).status_code == 403


def test_its_vote_to_reinstate_is_one_of_two_and_never_on_a_halt_of_ones_own(people, deployment, client_of):
    from audits.runtime.reinstating import evidence_from_document

    evidence = evidence_from_document(data=b"%PDF", name="Report")
    halt = runtime.deployment_halt(deployment=deployment, reason=REASON, actor=people.officer_north)
    operator = people.operator_south
    given = {"actor": operator, "halt": halt, "reason": REASON, "evidence": evidence}
    with pytest.raises(Forbidden):
        runtime.reinstatement_vote(**given)
    access = emergency.emergency_request(actor=operator, institution=people.south, reason=REASON, session={})
    emergency.emergency_confirm(actor=people.officer_south, access_id=access.pk)
    vote = runtime.reinstatement_vote(**given)
    halt.refresh_from_db()
    assert vote.institution == people.south and halt.closed_at is None


def test_a_house_elsewhere_is_not_reached(people, deployment):
    """The rights are for deployments that the institution takes part in."""
    stranger = make_user("doctor.other@test.example", Role.CLINICIAN, people.outsider.institution)
    access = emergency.emergency_request(
        actor=stranger, institution=people.outsider.institution, reason=REASON, session={}
    )
    with pytest.raises(NotFound):
        emergency.emergency_confirm(actor=people.operator_north, access_id=access.pk)
    emergency.emergency_confirm(actor=people.outsider, access_id=access.pk)
    with pytest.raises(Forbidden):
        runtime.deployment_halt(deployment=deployment, reason=REASON, actor=stranger)


def test_who_may_ask_and_who_may_confirm(people, client_of):
    session: dict = {}
    for actor, institution in (
        (people.auditor, people.north), (people.officer_north, people.north), (people.clinician, people.south),
        (people.administrator, people.north),
    ):  # fmt: skip
        with pytest.raises(Forbidden):
            emergency.emergency_request(actor=actor, institution=institution, reason=REASON, session=session)
    with pytest.raises(ApplicationError, match="Give a reason"):
        emergency.emergency_request(actor=people.clinician, institution=people.north, reason="help", session=session)
    client = client_of(people.clinician)
    wrong = client.post(reverse("emergencies"), {"institution": people.north.pk, "reason": REASON, "password": "guess"})
    assert wrong.status_code == 400 and not EmergencyAccess.objects.exists()
    access = asked(people, client)
    again = client.post(
        reverse("emergencies"), {"institution": people.north.pk, "reason": REASON, "password": PASSWORD}
    )
    assert again.status_code == 400 and "asked already" in again.content.decode()
    with pytest.raises(Forbidden):
        emergency.emergency_confirm(actor=people.clinician, access_id=access.pk)
    with pytest.raises(NotFound):
        emergency.emergency_confirm(actor=people.operator_south, access_id=access.pk)
    assert client_of(people.auditor).post(reverse("emergency_confirm", args=[access.pk])).status_code == 403
    emergency.emergency_confirm(actor=people.administrator, access_id=access.pk)  # of the platform
    with pytest.raises(Conflict):
        emergency.emergency_confirm(actor=people.operator_north, access_id=access.pk)


def test_a_confirmation_that_comes_too_late_lends_nothing(people, client_of):
    access = asked(people, client_of(people.clinician))
    EmergencyAccess.objects.update(confirm_until=timezone.now())
    assert not emergency.open_for(people.operator_north).to_confirm
    with pytest.raises(Conflict, match="10 minutes"):
        emergency.emergency_confirm(actor=people.operator_north, access_id=access.pk)


@pytest.mark.parametrize(
    "change",
    [
        lambda p: {"confirmed_by": p.clinician},
        lambda p: {"confirm_until": timezone.now() - timedelta(minutes=1)},
        lambda p: {"reviewed_by": p.operator_north, "reviewed_at": timezone.now(), "verdict": "justified"},
        lambda p: {"reviewed_by": p.clinician, "reviewed_at": timezone.now(), "verdict": "justified"},
        lambda p: {"ends_at": None},
    ],
    ids=["confirmed by oneself", "confirmed late", "judged by who confirmed", "judged by oneself", "without an end"],
)
def test_the_database_itself_refuses_what_the_services_do(people, client_of, change):
    confirmed(people, client_of(people.clinician))
    with pytest.raises(IntegrityError), transaction.atomic():
        EmergencyAccess.objects.update(**change(people))


def test_administrators_and_officers_are_told_by_mail_and_the_reason_stays_out(people, client_of):
    confirmed(people, client_of(people.clinician))
    for job in Job.objects.filter(kind="emergency.mail"):
        jobs.run(job.pk)
    told = {message.to[0] for message in mail.outbox if "is on" in message.subject}
    everybody = [
        people.administrator,
        people.administrator2,
        people.officer_north,
        people.officer_south,
        people.outsider,
    ]
    assert told == {person.email for person in everybody} and len(mail.outbox) == 2 * len(told)
    assert not any(REASON in message.body for message in mail.outbox)


def test_the_judgement_is_asked_of_somebody_else_until_it_is_given(people, client_of):
    access = confirmed(people, client_of(people.clinician), by=people.officer_north)
    assert not emergency.open_for(people.auditor).to_review  # not while it is on
    emergency.emergency_end(actor=people.clinician, access_id=access.pk)
    assert emergency.open_for(people.auditor).to_review and not emergency.open_for(people.officer_north).to_review
    auditor = client_of(people.auditor)
    assert "your judgement is asked" in auditor.get(reverse("home")).content.decode()
    EmergencyAccess.objects.update(review_due_on=timezone.now().date() - timedelta(days=1))
    assert "your judgement is overdue" in auditor.get(reverse("home")).content.decode()
    for actor in (people.officer_north, people.clinician):
        with pytest.raises(Forbidden):
            emergency.emergency_review(actor=actor, access_id=access.pk, verdict="justified", review=REASON)
    with pytest.raises(ApplicationError):
        emergency.emergency_review(actor=people.auditor, access_id=access.pk, verdict="fine", review=REASON)
    given = {"verdict": "unjustified", "review": "An officer could have been reached by phone."}
    auditor.post(reverse("emergency_review", args=[access.pk]), given)
    assert EmergencyAccess.objects.get().verdict == "unjustified"
    assert "your judgement" not in auditor.get(reverse("home")).content.decode()
    assert "An officer could have been reached" in auditor.get(reverse("emergencies")).content.decode()
