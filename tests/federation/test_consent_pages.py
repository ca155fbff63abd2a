"""The pages and the API of consent: who signs, who may only read, for whom nothing exists, and what each is told."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from accounts.models import Membership
from federation import services
from federation.agreements import agreement_record
from federation.models import Consent, Federation, Reconsideration, TrainingRun
from tests.factories import rounds as made
from tests.factories.federation import make_federation, make_finished_run
from tests.factories.people import make_people

pytestmark = pytest.mark.django_db
State = TrainingRun.State
EVERYBODY = (
    "administrator", "auditor", "officer_north", "officer_south", "operator_north", "operator_south", "clinician",
    "outsider", "external",
)  # fmt: skip
SIGNERS = {"officer_north", "officer_south", "operator_north", "operator_south"}


@pytest.fixture
def world():
    return make_federation(make_people())


@pytest.fixture
def run(world):
    """With terms, as every new run has them."""
    return services.run_propose(
        federation=world.federation, name="Run", rounds=2, seed=1, actor=world.people.administrator,
        terms={"purpose": "Find <b>tumours</b> early."},
    )  # fmt: skip


@pytest.fixture
def matter(world):
    """A finished run whose northern institution has withdrawn."""
    run = make_finished_run(world)
    return Reconsideration.objects.create(
        run=run, participant=world.participants["north"], cause="withdrawal",
        opened_by=world.people.operator_north, due_at=timezone.now() + timedelta(days=30),
    )  # fmt: skip


def client_of(world, who: str) -> Client:
    client = Client()
    client.force_login(getattr(world.people, who), backend="django.contrib.auth.backends.ModelBackend")
    return client


def read(world, who: str, name: str, *args) -> str:
    return client_of(world, who).get(reverse(name, args=args)).content.decode()


def api(world, who: str, path: str, body: dict | None = None):
    client = client_of(world, who)
    if body is None:
        return client.get(f"/api/v1{path}")
    return client.post(f"/api/v1{path}", body, content_type="application/json")


# --- terms and signatures ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("way", ["page", "api"])
@pytest.mark.parametrize("decision", ["given", "refused", "withdrawn"])
def test_only_the_two_signers_of_an_institution_of_the_run_answer(world, run, way, decision):
    for who in EVERYBODY:
        if way == "page":
            url = reverse("run_consent", args=[run.id])
            status = client_of(world, who).post(url, {"decision": decision, "reason": "r"}).status_code
        else:
            status = api(world, who, f"/runs/{run.id}/consents", {"decision": decision, "reason": "r"}).status_code
        no = 404 if who == "outsider" else 403
        assert (status == no) == (who not in SIGNERS), (who, status)
    assert {c.decided_by for c in Consent.objects.all()} <= {getattr(world.people, who) for who in SIGNERS}


def test_the_terms_are_shown_in_full_before_anybody_signs(world, run):
    text = read(world, "officer_north", "run_terms", run.id)
    terms = run.config["terms"]
    assert "Find &lt;b&gt;tumours&lt;/b&gt; early." in text and run.config_hash in text
    assert terms["code_version"] in text and terms["expires_on"] in text and "no personal data are used" in text
    assert all(digest in text for digest in run.config["data_digests"].values())
    assert "You sign for Hospital north as <strong>ethics officer</strong>" in text
    assert "federation.site consent approve" in text
    assert 'id="consent-give"' not in read(world, "administrator", "run_terms", run.id)


def test_after_signing_a_person_is_told_who_is_awaited(world, run):
    client_of(world, "operator_north").post(reverse("run_consent", args=[run.id]), {"decision": "given"})
    text = read(world, "operator_north", "run_terms", run.id)
    assert "You have signed. Still awaited: its ethics officer, the approval at its own site." in text
    assert "1 of 3 signed" not in text and 'id="consent-give"' not in text
    answers = api(world, "auditor", f"/runs/{run.id}").json()["answers"]
    assert answers[0]["decision"] is None
    assert [(s["capacity"], s["decision"]) for s in answers[0]["signatures"]] == [
        ("operator", "given"), ("officer", None), ("site", None)
    ]  # fmt: skip


def test_a_person_in_both_roles_chooses_and_is_offered_only_one(world, run):
    person = world.people.operator_north
    Membership.objects.create(user=person, institution=world.people.north, role="ethics_officer")
    assert 'name="capacity"' in read(world, "operator_north", "run_terms", run.id)
    url = f"/runs/{run.id}/consents"
    assert api(world, "operator_north", url, {"decision": "given"}).status_code == 400
    assert api(world, "operator_north", url, {"decision": "given", "capacity": "officer"}).status_code == 201
    assert api(world, "operator_north", url, {"decision": "given", "capacity": "operator"}).status_code == 409
    assert 'id="consent-give"' not in read(world, "operator_north", "run_terms", run.id)


def test_who_is_also_a_member_elsewhere_signs_and_withdraws_where_they_answer(world, run):
    """An operator at south who is a clinician at north, which comes first on the page."""
    person = world.people.operator_south
    Membership.objects.create(user=person, institution=world.people.north, role="clinician")
    text = read(world, "operator_south", "run_terms", run.id)
    assert "You sign for Hospital south as <strong>site operator</strong>" in text
    assert 'name="site" value="south"' in text and 'name="site" value="north"' not in text
    client_of(world, "operator_south").post(
        reverse("run_consent", args=[run.id]), {"decision": "given", "site": "south"}
    )
    assert Consent.objects.get().participant.site == "south"
    assert "Withdraw the consent of Hospital south" in read(world, "operator_south", "run", run.id)


def test_who_operates_two_sites_signs_for_one_after_the_other(world, run):
    person = world.people.operator_south
    Membership.objects.create(user=person, institution=world.people.north, role="site_operator")
    url = reverse("run_consent", args=[run.id])
    for site in ("north", "south"):
        assert f'name="site" value="{site}"' in read(world, "operator_south", "run_terms", run.id)
        client_of(world, "operator_south").post(url, {"decision": "given", "site": site})
    assert [c.participant.site for c in Consent.objects.order_by("created_at")] == ["north", "south"]
    assert 'id="consent-give"' not in read(world, "operator_south", "run_terms", run.id)
    unsaid = api(world, "operator_south", f"/runs/{run.id}/consents", {"decision": "withdrawn", "reason": "r"})
    assert unsaid.status_code == 400 and "north, south" in unsaid.json()["message"]
    body = {"decision": "withdrawn", "reason": "r", "site": "south"}
    assert api(world, "operator_south", f"/runs/{run.id}/consents", body).status_code == 201


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"role": "clinician"}, "Hospital north has no ethics officer"),
        ({"is_active": False}, "Hospital north has no ethics officer"),
    ],
)
def test_an_institution_without_two_people_is_told_so_and_nothing_gets_around_it(world, run, change, said):
    Membership.objects.filter(user=world.people.officer_north).update(**change)
    for who, page, about in (
        ("operator_north", "run_terms", run.id),
        ("administrator", "federation", world.federation.id),
    ):
        text = read(world, who, page, about)
        assert said in text and "Nobody signs twice" in text
    assert api(world, "auditor", f"/runs/{run.id}").json()["answers"][0]["short_of"].startswith(said)


def test_one_person_for_both_roles_is_not_two(world, run):
    Membership.objects.filter(user=world.people.officer_north).delete()
    Membership.objects.create(user=world.people.operator_north, institution=world.people.north, role="ethics_officer")
    assert "Hospital north has one person for both" in read(world, "auditor", "run", run.id)


def test_a_home_page_asks_each_signer_until_that_one_has_signed(world, run):
    for who in ("operator_north", "officer_north"):
        assert "Your signature is asked" in read(world, who, "home")
        client_of(world, who).post(reverse("run_consent", args=[run.id]), {"decision": "given"})
        assert "Your signature is asked" not in read(world, who, "home")
    assert "Your signature is asked" in read(world, "officer_south", "home")
    assert "Your signature is asked" not in read(world, "outsider", "home")


def test_a_run_that_went_on_without_a_site_says_so_and_what_stays(world, run):
    for site in ("north", "south"):
        made.sign_all(world.people, run, world.participants[site], institution=site)
    TrainingRun.objects.filter(id=run.id).update(state=State.RUNNING, started_at=timezone.now())
    Consent.objects.create(
        run=run, participant=world.participants["north"], config_hash=run.config_hash, decision="withdrawn",
        capacity="officer", decided_by=world.people.officer_north,
    )  # fmt: skip
    text = read(world, "auditor", "run", run.id)
    assert "Gone on without" in text and "Hospital north (withdrawn" in text
    assert "stays in its weights unless it is retrained" in text and "the privacy that was spent stays spent" in text


# --- proposing -----------------------------------------------------------------------------------------------------

REAL = {
    "terms-purpose": "Find tumours", "terms-lawfulness": "gdpr_6_1_e", "terms-special_category": "gdpr_9_2_j",
    "terms-hipaa": "not_applicable", "terms-ethics_body": "REC", "terms-ethics_number": "7",
}  # fmt: skip
BASIC = {"name": "First", "rounds": 2, "seed": 3, "privacy": "recommended", "epsilon_budget": 4}


def propose(world, **terms):
    Federation.objects.update(synthetic=False)
    for participant in world.participants.values():
        agreement_record(
            participant=participant, role="controller", liability="Each.", contact="dpo", document_hash="c" * 64,
            signed_on=timezone.now().date(), actor=world.people.administrator,
        )  # fmt: skip
    day = str(timezone.now().date() + timedelta(days=20))
    body = {**BASIC, **REAL, "terms-ethics_valid_until": day, "terms-expires_on": day, **terms}
    return client_of(world, "administrator").post(reverse("run_propose", args=[world.federation.id]), body)


def test_terms_from_the_form_are_frozen(world):
    assert propose(world).status_code == 302
    terms = TrainingRun.objects.get().config["terms"]
    assert (terms["purpose"], terms["lawfulness"], terms["epsilon"]) == ("Find tumours", "gdpr_6_1_e", 4.0)
    assert terms["ethics"]["body"] == "REC" and terms["data_set"] == "Test data"


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"terms-lawfulness": ""}, "This field is required"),
        ({"terms-lawfulness": "no_personal_data"}, "Select a valid choice"),
        ({"terms-ethics_number": ""}, "number of 1 to 200 characters"),
        ({"terms-ethics_valid_until": "2001-01-01"}, "Expected an ethics approval that holds until"),
        ({"terms-expires_on": "soon"}, "Enter a valid date"),
    ],
)
def test_bad_terms_show_the_form_again_with_what_was_typed(world, change, said):
    response = propose(world, **change)
    text = response.content.decode()
    assert response.status_code == 400 and said in text and "Find tumours" in text and 'value="First"' in text
    assert not TrainingRun.objects.exists()


@pytest.mark.parametrize(
    "terms", [None, {"lawfulness": "x"}, {"ethics": {"body": "REC"}}, {"expires_on": "soon"}, {"purpose": ""}, 3]
)
def test_bad_terms_are_refused_by_the_api(world, terms):
    Federation.objects.update(synthetic=False)
    body = {"name": "By API", "rounds": 2, "seed": 1} | ({"terms": terms} if terms is not None else {})
    response = api(world, "administrator", f"/federations/{world.federation.id}/runs", body)
    assert response.status_code == 400 and not TrainingRun.objects.exists()


# --- retrain or retire ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("way", ["page", "api"])
def test_administrators_and_officers_of_the_federation_decide_and_nobody_else(world, matter, way):
    allowed = {"officer_north", "officer_south", "administrator"}
    for who in EVERYBODY:
        if way == "page":
            url = reverse("reconsideration_decide", args=[matter.id])
            status = client_of(world, who).post(url, {"choice": "retire", "reason": " "}).status_code
        else:
            path = f"/reconsiderations/{matter.id}/decision"
            status = api(world, who, path, {"choice": "retire", "reason": ""}).status_code
        expected = {"outsider": 404}.get(who, 403)
        assert (status == expected) == (who not in allowed), (who, status)
    matter.refresh_from_db()
    assert matter.is_open


def test_a_decision_is_asked_at_home_taken_on_the_page_and_shown_with_its_reasons(world, matter):
    for who in ("administrator", "officer_south"):
        assert "Retrain or retire, your decision is asked" in read(world, who, "home")
    for who in ("auditor", "operator_north"):
        assert "Retrain or retire" not in read(world, who, "home")
    assert "Retire what the run made" in read(world, "officer_south", "run", matter.run_id)
    assert "Retire what the run made" not in read(world, "auditor", "run", matter.run_id)
    url = reverse("reconsideration_decide", args=[matter.id])
    answer = client_of(world, "officer_south").post(url, {"choice": "retire", "reason": "Too small without them"})
    assert answer["Location"] == reverse("run", args=[matter.run_id])
    assert "Too small without them" in read(world, "auditor", "run", matter.run_id)
    assert "Retrain or retire" not in read(world, "administrator", "home")
    listed = api(world, "auditor", "/reconsiderations").json()["results"]
    assert [(row["site"], row["choice"]) for row in listed] == [("north", "retire")]
    assert api(world, "outsider", "/reconsiderations").json()["results"] == []


def test_one_that_is_overdue_says_so(world, matter):
    Reconsideration.objects.update(due_at=timezone.now() - timedelta(days=1))
    assert "Retrain or retire, overdue" in read(world, "administrator", "home")
    assert "Overdue" in read(world, "administrator", "run", matter.run_id)
