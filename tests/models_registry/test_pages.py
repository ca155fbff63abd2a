from __future__ import annotations

from datetime import timedelta

import pytest
from django.template.loader import render_to_string
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from models_registry import services
from models_registry.card_metrics import key_metrics
from models_registry.models import ApprovalRequest, Deployment
from models_registry.presentation import figures
from tests.database import rewrite_version
from tests.factories.federation import World, make_federation
from tests.factories.people import PASSWORD, make_people
from tests.factories.registry import (
    make_approved_request,
    make_assessment,
    make_deployment,
    make_evidence,
    make_request,
    make_version,
)

ROLES = ["administrator", "administrator2", "auditor", "officer_north", "operator_north", "clinician"]
STAFF = [role for role in ROLES if role != "clinician"]


def text(client: Client, name: str, *args: object, status: int = 200) -> str:
    answer = client.get(reverse(name, args=args))
    assert answer.status_code == status
    return answer.content.decode()


@pytest.mark.parametrize("who", ROLES)
def test_everyone_of_the_federation_may_read_models_versions_and_cards(world, audited, page, who: str) -> None:
    client = page(getattr(world.people, who))

    assert "Trial model" in text(client, "models")
    assert "Trial model v1" in text(client, "model", audited.model_id)
    assert "Life of this model" in text(client, "version", audited.id)
    assert "Model card of Trial model v1" in text(client, "card", audited.id)


@pytest.mark.parametrize("who", STAFF)
def test_staff_may_read_approvals(world, approval, page, who: str) -> None:
    client = page(getattr(world.people, who))

    assert "Clinical use of Trial model v1" in text(client, "approval", approval.id)
    assert str(approval.id) in text(client, "approvals")


def test_clinicians_do_not_see_approvals(world, approval, page) -> None:
    client = page(world.people.clinician)

    text(client, "approvals", status=403)
    text(client, "approval", approval.id, status=403)
    assert reverse("approval", args=[approval.id]) not in text(client, "version", approval.version_id)


def test_for_an_institution_outside_nothing_exists(world, approval, page) -> None:
    client = page(world.people.outsider)

    assert "No models yet" in text(client, "models")
    assert "No requests" in text(client, "approvals")
    version = approval.version
    for name, pk in [("model", version.model_id), ("version", version.id), ("card", version.id),
                     ("approval", approval.id)]:  # fmt: skip
        text(client, name, pk, status=404)
    answer = client.post(reverse("approval_decide", args=[approval.id]), {"decision": "approve", "reason": "x"})
    assert answer.status_code == 404


def test_who_is_not_signed_in_is_sent_to_sign_in(approval) -> None:
    answer = Client().get(reverse("approval", args=[approval.id]))

    assert answer.status_code == 302 and "/login/" in answer["Location"]


def test_an_unaudited_version_says_so_and_offers_no_request(world, version, page) -> None:
    body = text(page(world.people.administrator), "version", version.id)

    assert "Not yet audited" in body
    assert "This version was never audited" in body
    assert "Request approval" not in body


def test_the_quantum_model_stands_beside_its_twin_with_its_facts(world, audited, page) -> None:
    body = text(page(world.people.clinician), "version", audited.id)

    for words in ("Classical twin", "torch state vector", "exact expectation values", "not measured",
                  "the loss of privacy is not bounded"):  # fmt: skip
        assert words in body


def test_a_noised_figure_stands_with_its_noise(version) -> None:
    figure, lost = {"n": 118, "mean": 0.8, "noise_sd": 0.04}, {"n": None, "mean": None, "noisy": True}
    sites = {"north": {"accuracy": figure}, "south": {"accuracy": lost}}
    for name in ("primary", "baseline"):
        version.metrics[name] = {"overall": {"accuracy": figure}, "site": sites, "groups": {}}

    twins = render_to_string("models_registry/twins_table.html", {"rows": figures.overall(version)})
    by_site = render_to_string("models_registry/figures_table.html", {"rows": figures.by_site(version), "first": ""})

    assert twins.count("± 0.040") == 2 and "≈ " in twins and "lost in the noise" not in twins
    assert by_site.count("± 0.040") == 2 and by_site.count("lost in the noise") >= 1


def test_the_distance_of_outlines_is_a_row_where_it_was_measured(version) -> None:
    version.config["task"] = "segmentation"
    metrics = {"dice": {"n": 9, "mean": 0.7}, "hd95": {"n": 7, "mean": 0.031}}
    for name in ("primary", "baseline"):
        version.metrics[name] = {"overall": {"dice": metrics["dice"]}, "site": {}, "groups": {}}
    assert [row["title"] for row in figures.overall(version)] == ["Dice", "True positive rate", "False positive rate"]
    version.metrics["primary"]["overall"] = metrics

    last = figures.overall(version)[-1]
    assert (last["title"], last["primary"], last["n"], last["baseline"]) == ("Distance of outlines", 0.031, 7, None)
    assert [result["label"] for result in key_metrics(version, None)["UsefulnessUsabilityEfficacy"]["Results"]][
        1:2
    ] == ["hd95, quantum model"]


@pytest.mark.parametrize("verdict", ["fail", "inconclusive", "not_assessable"])
def test_every_verdict_has_its_page(world, version, page, verdict: str) -> None:
    make_evidence(version, verdict)

    body = text(page(world.people.administrator), "version", version.id)
    assert "This is not a pass" in body if verdict == "not_assessable" else True
    assert ("a shadow deployment may be requested" in body) == (verdict != "fail")


def test_an_administrator_requests_approval_on_the_page(world, audited, page) -> None:
    client = page(world.people.administrator)

    answer = client.post(
        reverse("approval_request", args=[audited.id]),
        {"kind": "clinical", "justification": "For the ward.", "threshold": "0.05", "max_predictions": ""},
    )

    made = ApprovalRequest.objects.get()
    assert answer["Location"] == reverse("approval", args=[made.id])
    assert made.policy["threshold"] == 0.05 and made.requested_by == world.people.administrator


def test_the_scope_is_asked_for_on_the_page_and_shown_to_who_decides(world, audited, page) -> None:
    form = {"kind": "clinical", "justification": "For the ward.", "sites": "north, south", "oldest": "65",
            "devices": "Scan One\r\nScan Two", "regulatory": "marked", "appeal_days": "14"}  # fmt: skip
    page(world.people.administrator).post(reverse("approval_request", args=[audited.id]), form)

    made = ApprovalRequest.objects.get()
    asked = {name: made.policy[name] for name in ("sites", "age", "devices", "regulatory", "appeal_days")}
    assert asked == {"sites": ["north", "south"], "age": [0, 65], "devices": ["Scan One", "Scan Two"],
                     "regulatory": "marked", "appeal_days": 14}  # fmt: skip
    body = text(page(world.people.officer_north), "approval", made.id)
    for expected in ("0 to 65 years", "Scan One, Scan Two", "Marked or cleared medical device"):
        assert expected in body


def test_an_incomplete_request_is_shown_again(world, audited, page) -> None:
    answer = page(world.people.administrator).post(reverse("approval_request", args=[audited.id]), {"kind": "shadow"})

    assert answer.status_code == 400
    assert "This field is required" in answer.content.decode()


@pytest.mark.parametrize("who", ["auditor", "officer_north", "operator_north", "clinician"])
def test_only_administrators_request_edit_withdraw_and_deploy(world, approval, page, who: str) -> None:
    client = page(getattr(world.people, who))

    for name, pk in [("approval_request", approval.version_id), ("card_edit", approval.version_id),
                     ("approval_withdraw", approval.id), ("approval_deploy", approval.id)]:  # fmt: skip
        assert client.post(reverse(name, args=[pk]), {}).status_code == 403


@pytest.mark.parametrize("decision", ["approve", "reject"])
@pytest.mark.parametrize(
    ("who", "status"),
    [("administrator", 403), ("auditor", 403), ("operator_north", 403), ("operator_south", 403), ("clinician", 403),
     ("outsider", 404), ("officer_north", 302), ("officer_south", 302)],
)  # fmt: skip
def test_each_role_on_approve_and_on_reject(world, approval, page, who: str, status: int, decision: str) -> None:
    url = reverse("approval_decide", args=[approval.id])

    answer = page(getattr(world.people, who)).post(
        url, {"decision": decision, "reason": "Reviewed.", "password": PASSWORD}
    )

    assert answer.status_code == status
    assert approval.decisions.count() == (status == 302)


def test_an_administrator_before_the_officers_is_told_what_is_missing(world, approval, page) -> None:
    url = reverse("approval", args=[approval.id])

    answer = page(world.people.administrator2).post(
        reverse("approval_decide", args=[approval.id]),
        {"decision": "approve", "reason": "x", "password": PASSWORD, "next": url},
        follow=True,
    )

    assert "The officers decide first" in answer.content.decode()
    assert not approval.decisions.exists()


def test_a_decision_without_reason_is_shown_again(world, approval, page) -> None:
    url = reverse("approval_decide", args=[approval.id])

    assert page(world.people.officer_north).post(url, {"decision": "approve"}).status_code == 400


def test_what_needs_me_stands_first(world, approval, page) -> None:
    officer = page(world.people.officer_north)
    assert text(officer, "approvals").index("Waiting for you") < text(officer, "approvals").index("Others")

    services.approval_decide(request=approval, decision="approve", reason="Reviewed.", actor=world.people.officer_north)

    assert "Nothing waits for you" in text(officer, "approvals")


def test_the_approval_page_shows_each_digest_and_who_decided(world, approval, page) -> None:
    services.approval_decide(
        request=approval, decision="approve", reason="Wide margin.", actor=world.people.officer_north
    )

    body = text(page(world.people.auditor), "approval", approval.id)
    for digest in [*approval.content.values(), approval.content_digest]:
        assert digest in body
    assert "Wide margin." in body and "as ethics officer of Hospital north" in body
    assert "1 more ethics officer" in body


@pytest.mark.django_db(transaction=True)
def test_changed_content_is_flagged_before_anyone_decides(world, approval, page) -> None:
    rewrite_version(approval.version_id, "weights_digest", "f" * 64)

    body = text(page(world.people.officer_north), "approval", approval.id)
    assert "The content has changed since the request" in body


def test_an_approved_request_is_deployed_on_its_page(world, page) -> None:
    request = make_approved_request(world)
    client = page(world.people.administrator)
    assert "Deploy" in text(client, "approval", request.id)

    client.post(reverse("approval_deploy", args=[request.id]), {"name": "Ward 3"})

    assert Deployment.objects.get().name == "Ward 3"
    assert "Ward 3" in text(client, "approval", request.id)
    assert "Ward 3" in text(page(world.people.clinician), "version", request.version_id)


def test_without_an_impact_assessment_the_page_says_what_is_missing_and_where(world, page) -> None:
    request = make_approved_request(world, assessed=False)
    client = page(world.people.administrator)

    for name, about in (("approval", request.id), ("version", request.version_id)):
        assert "before the data protection impact assessment" in text(client, name, about), name
    body = text(client, "approval", request.id)
    assert reverse("assessments") in body and reverse("approval_deploy", args=[request.id]) not in body
    client.post(reverse("approval_deploy", args=[request.id]), {"name": "Ward 3"})
    assert not Deployment.objects.exists()

    make_assessment(request.version, until=timezone.now().date() - timedelta(days=1))
    assert "was due for review" in text(client, "approval", request.id)


def test_a_deployment_without_a_name_is_refused(world, page) -> None:
    request = make_approved_request(world)

    answer = page(world.people.administrator).post(reverse("approval_deploy", args=[request.id]), {"name": ""})
    assert answer.status_code == 400 and not Deployment.objects.exists()


def test_a_request_is_withdrawn_on_its_page(world, approval, page) -> None:
    page(world.people.administrator).post(reverse("approval_withdraw", args=[approval.id]))

    approval.refresh_from_db()
    assert approval.state == ApprovalRequest.State.WITHDRAWN
    assert "Withdrawn" in text(page(world.people.administrator), "approval", approval.id)


def test_the_card_draws_the_circuit_and_says_that_no_noise_was_trained_under(world, audited, page) -> None:
    body = text(page(world.people.auditor), "card", audited.id)
    assert "<svg" in body and "RX" in body and "none: trained without noise" in body


def test_the_card_is_edited_and_old_editions_stay_readable(world, audited, page) -> None:
    client = page(world.people.administrator)
    assert "Write a new edition" in text(client, "card_edit", audited.id)

    answer = client.post(reverse("card_edit", args=[audited.id]), {"HowToUse": "With <b>care</b>."})

    assert answer.status_code == 302
    assert "With &lt;b&gt;care&lt;/b&gt;." in text(client, "card", audited.id)
    assert "With &lt;b&gt;care" not in text(client, "card_edition", audited.id, 1)
    text(client, "card_edition", audited.id, 99, status=404)


def test_a_card_text_that_is_too_long_is_shown_again(world, audited, page) -> None:
    answer = page(world.people.administrator).post(reverse("card_edit", args=[audited.id]), {"HowToUse": "x" * 4001})

    assert answer.status_code == 400


def test_the_life_of_a_halted_model_shows_the_halt(world, page) -> None:
    deployment = make_deployment(world)
    services.deployment_set_state(deployment=deployment, state="halted")

    body = text(page(world.people.clinician), "version", deployment.version_id)
    assert "Ward: halted" in body and "Nothing is served" in body


def test_lists_are_paginated(world, page) -> None:
    version = make_version(world)
    make_evidence(version, "pass")
    for _ in range(21):
        request = make_request(world, version=version)
        services.approval_withdraw(request=request, actor=world.people.administrator)

    client = page(world.people.auditor)
    assert "1–20 of 21" in text(client, "approvals")
    assert "21–21 of 21" in client.get(reverse("approvals"), {"page": 2}).content.decode()


def test_a_segmentation_version_has_its_page(db, page) -> None:
    world: World = make_federation(make_people(), task="segmentation")
    version = make_version(world)
    make_evidence(version, "inconclusive")

    assert "Dice by round" in text(page(world.people.clinician), "version", version.id)
    assert "Trial model v1" in text(page(world.people.clinician), "card", version.id)


@pytest.mark.parametrize("name", ["approval_decide", "approval_withdraw", "approval_deploy"])
def test_actions_are_posted(world, approval, page, name: str) -> None:
    client = page(world.people.administrator2)

    assert client.get(reverse(name, args=[approval.id])).status_code == 405
