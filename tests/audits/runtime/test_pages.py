import hashlib
import re

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.urls import reverse
from django.utils.html import escape

from audits.runtime import monitoring, services
from audits.runtime.halting import halt_create
from audits.runtime.models import Halt, Reinstatement
from federation.domain.messages import digest
from models_registry.card_facts import privacy_words
from models_registry.models import Deployment
from models_registry.services import evidence_record
from tests.factories.people import make_reviewers
from tests.factories.registry import make_deployment, make_version

pytestmark = pytest.mark.django_db

WHY = "Two patients were misread."
PEOPLE = ["administrator", "auditor", "officer_north", "operator_north", "clinician"]


def page(deployment) -> str:
    return reverse("deployment", args=[deployment.id])


def words(answer) -> str:
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", answer.content.decode()))


@pytest.mark.parametrize("person", PEOPLE)
def test_everyone_of_the_federation_sees_the_list_and_the_page(world, deployment, client_of, person):
    client = client_of(getattr(world.people, person))
    assert "Ward" in words(client.get(reverse("deployments")))
    assert client.get(page(deployment)).status_code == 200


def test_another_hospital_sees_an_empty_list_and_no_page(world, deployment, client_of):
    client = client_of(world.people.outsider)
    assert "No deployment yet" in words(client.get(reverse("deployments")))
    for name in ("deployment", "deployment_live"):
        assert client.get(reverse(name, args=[deployment.id])).status_code == 404
    assert client.post(reverse("deployment_halt", args=[deployment.id]), {"reason": WHY}).status_code == 404
    assert not Halt.objects.exists()


def test_who_is_not_signed_in_is_sent_to_sign_in(deployment, client):
    assert client.get(page(deployment)).status_code == 302


def test_a_new_deployment_says_what_will_appear(world, deployment, client_of):
    said = words(client_of(world.people.auditor).get(page(deployment)))
    for expected in ("Active", "No outcome yet", "Nothing predicted yet", "No batch yet", "It was never halted"):
        assert expected in said


def test_the_page_shows_streams_evidence_rates_and_batches(world, deployment, client_of, north, cases, tell, stream):
    north.post(deployment, "predictions", {"records": [cases("a"), cases("b", "male")]})
    tell(deployment, stream(300, {"female": 0.8, "male": 0.85}))
    monitoring.fold_deployment(deployment.id)
    said = words(client_of(world.people.auditor).get(page(deployment)))
    for expected in ("Gap between groups so far", "Betting wealth", "e-SR evidence", "sex = female", "Flagged share"):
        assert expected in said
    assert "Merkle root" in said


def test_a_halted_page_says_why_since_when_and_who_must_act(world, deployment, client_of, tell, stream):
    make_reviewers(world.people)
    tell(deployment, stream(1500, {"female": 0.3, "male": 0.9}))
    monitoring.fold_deployment(deployment.id)
    said = words(client_of(world.people.clinician).get(page(deployment)))
    for expected in (
        "Halted: nothing is predicted", "automatically by the monitor", "sex = male and female", "So far 0 of 2",
        "May still vote: Reviewer North (Hospital north), Reviewer South (Hospital south).",
    ):  # fmt: skip
        assert expected in said, expected
    assert 'name="reason"' not in client_of(world.people.clinician).get(page(deployment)).content.decode()


def test_a_halt_links_to_its_entry_of_the_ledger(world, deployment, client_of):
    from provenance.reading import latest_entry
    from provenance.sequencing import load_frontier, sequence

    halt = services.deployment_halt(deployment=deployment, reason=WHY, actor=world.people.officer_north)
    client = client_of(world.people.auditor)
    assert "On its way to the ledger" in words(client.get(page(deployment)))
    sequence(load_frontier())
    entry = latest_entry(halt.id)
    assert f"entry {entry.seq}" in words(client.get(page(deployment)))


@pytest.mark.parametrize(
    ("person", "offered"),
    [
        ("officer_north", True),
        ("auditor", False),
        ("administrator", False),
        ("clinician", False),
        ("operator_north", False),
    ],
)
def test_the_halt_form_is_offered_to_officers_alone_and_works(world, deployment, client_of, person, offered):
    client = client_of(getattr(world.people, person))
    assert ("Why must it stop?" in words(client.get(page(deployment)))) == offered
    answer = client.post(reverse("deployment_halt", args=[deployment.id]), {"reason": WHY, "next": page(deployment)})
    assert answer.status_code == (302 if offered else 403)
    assert Halt.objects.count() == offered


def test_a_halt_without_a_reason_is_explained_where_the_officer_stands(world, deployment, client_of):
    client = client_of(world.people.officer_north)
    answer = client.post(
        reverse("deployment_halt", args=[deployment.id]), {"reason": "no", "next": page(deployment)}, follow=True
    )
    assert answer.redirect_chain == [(page(deployment), 302)]
    assert "at least 10 characters" in words(answer)
    assert not Halt.objects.exists()


def test_two_officers_reinstate_on_the_page(world, deployment, client_of):
    halt_create(deployment_id=deployment.id, reason="The gap is over 0.1.", position=3)
    vote = reverse("deployment_reinstate", args=[deployment.id])
    north, south = (client_of(reviewer) for reviewer in make_reviewers(world.people))
    assert "Why may it serve again?" in words(north.get(page(deployment)))
    assert "Why may it serve again?" not in words(client_of(world.people.officer_north).get(page(deployment)))
    told = words(north.post(vote, {"reason": WHY, "next": page(deployment)}, follow=True))
    assert "Name the new evidence" in told
    report = SimpleUploadedFile("service.txt", b"Coil 4 was replaced.")
    assert "waits for the next officer" in words(north.post(vote, {"reason": WHY, "document": report}, follow=True))
    said = words(north.get(page(deployment)))
    assert "Why may it serve again?" not in said
    assert "So far 1 of 2" in said and "service.txt" in said
    first = Reinstatement.objects.get()
    assert first.evidence_digest == hashlib.sha256(b"Coil 4 was replaced.").hexdigest()
    shown = south.get(reverse("vote_evidence", args=[first.id]))
    assert shown.content == b"Coil 4 was replaced." and "attachment" in shown["Content-Disposition"]
    told = words(south.post(vote, {"reason": WHY, "digest": "0" * 64, "next": page(deployment)}, follow=True))
    assert "named its evidence meanwhile" in told
    ballot = {"reason": WHY, "digest": first.evidence_digest}
    assert "serves again" in words(south.post(vote, ballot, follow=True))
    deployment.refresh_from_db()
    assert deployment.state == Deployment.State.ACTIVE
    assert "by officers of Hospital north and Hospital south" in words(south.get(page(deployment)))


def test_who_halted_is_not_offered_a_vote(world, deployment, client_of):
    services.deployment_halt(deployment=deployment, reason=WHY, actor=world.people.officer_north)
    said = words(client_of(world.people.officer_north).get(page(deployment)))
    assert "Officer North, who ordered the halt, may not vote" in said
    assert "Why may it serve again?" not in said


def test_the_live_part_is_sent_alone_and_the_page_is_fetched_again_when_the_state_changes(world, deployment, client_of):
    client = client_of(world.people.officer_south)
    whole = client.get(page(deployment)).content.decode()
    fragment = re.search(r'hx-get="([^"]+)"', whole).group(1)
    part = client.get(fragment, headers={"HX-Request": "true"})
    assert "<html" not in part.content.decode()
    assert "HX-Refresh" not in part
    services.deployment_halt(deployment=deployment, reason=WHY, actor=world.people.officer_north)
    assert client.get(fragment)["HX-Refresh"] == "true"


def test_shadow_and_revoked_deployments_say_so(world, client_of):
    shadow = make_deployment(world, kind="shadow", name="Board trial")
    client = client_of(world.people.auditor)
    assert "predictions are not for care" in words(client.get(page(shadow)))
    Deployment.objects.filter(id=shadow.id).update(state=Deployment.State.REVOKED)
    assert "Nothing is predicted, for good" in words(client.get(page(shadow)))


def test_long_lists_are_paged(world, deployment, client_of, monkeypatch):
    from audits.runtime import views

    make_deployment(world, name="Second ward")
    monkeypatch.setattr(views, "PAGE", 1)
    client = client_of(world.people.auditor)
    assert "Second ward" in words(client.get(reverse("deployments")))
    assert "Ward" in words(client.get(reverse("deployments") + "?page=2"))
    assert client.get(reverse("deployments") + "?page=nonsense").status_code == 200


def test_pages_take_only_their_methods(world, deployment, client_of):
    client = client_of(world.people.officer_north)
    assert client.post(page(deployment)).status_code == 405
    assert client.get(reverse("deployment_halt", args=[deployment.id])).status_code == 405


def test_the_number_of_queries_does_not_grow_with_the_rows(
    world, deployment, client_of, django_assert_max_num_queries, tell, stream
):
    for seed in range(4):
        tell(deployment, stream(100, {"female": 0.8, "male": 0.8}, seed=seed))
    monitoring.fold_deployment(deployment.id)
    client = client_of(world.people.auditor)
    with django_assert_max_num_queries(37):
        client.get(page(deployment))


def test_the_privacy_leg_stands_beside_fairness(world, client_of):
    version = make_version(world)
    attack = {
        "check_id": "membership", "principle": "privacy", "title": "Membership inference", "verdict": "pass",
        "sentence": "The attack is no better than chance.",
    }  # fmt: skip
    evidence_record(
        version=version, kind="predeployment_audit", source_id=version.id, verdict="pass", digest=digest({"a": 1}),
        summary={"checks": [attack]},
    )  # fmt: skip
    deployment = make_deployment(world, version=version)
    shown = client_of(world.people.officer_north).get(f"/deployments/{deployment.id}/").content.decode()
    panel = shown[shown.index('id="privacy"') :]
    for expected in (privacy_words(version), "Membership inference", "The attack is no better than chance."):
        assert str(escape(expected)) in panel


def test_the_list_is_narrowed_by_state_in_its_address(world, deployment, client_of):
    halted = make_deployment(world, name="Radiology")
    halt_create(deployment_id=halted.id, reason="The gap is over 0.1.", position=0)
    client = client_of(world.people.auditor)

    def listed(query: str) -> str:
        return client.get(reverse("deployments") + query).content.decode()

    assert "Radiology" in listed("?state=halted") and f"/{deployment.id}/" not in listed("?state=halted")
    assert f"/{deployment.id}/" in listed("?state=active") and "Radiology" not in listed("?state=active")
    assert "No deployment is in this state" in listed("?state=revoked") and "Radiology" in listed("?state=nonsense")
