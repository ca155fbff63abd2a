from __future__ import annotations

import pytest
from django.urls import reverse

from audits.predeployment import services
from audits.predeployment.models import AuditRun
from core import artefacts, jobs
from core.errors import ApplicationError, Conflict
from core.models import Job
from federation.models import Consent, DataManifest, SiteOrder
from tests.factories.audits import make_audit

ROLES = {
    "administrator": True, "officer_north": True, "officer_south": True, "auditor": False, "operator_north": False,
    "clinician": False,
}  # fmt: skip


def test_every_site_of_the_run_is_asked_with_both_models_and_the_frozen_settings(version, people):
    audit = services.audit_start(version=version, actor=people.administrator)
    orders = SiteOrder.objects.filter(subject=audit.id).order_by("participant__site")
    assert [order.participant.site for order in orders] == ["north", "south"]
    for order in orders:
        assert order.kind == "audit" and order.key == f"audit:{audit.id}:bias_score:0"
        assert order.attachments == {"primary": version.weights_digest, "baseline": version.baseline_digest}
        assert order.body["settings"] == audit.policy["checks"]["bias_score"]["settings"]
        assert (order.body["seed"], order.body["shards"]) == (audit.policy["seed"], 1)
        assert order.body["config_hash"] == version.config_hash and order.body["run"] == str(version.run_id)
    assert audit.state == AuditRun.State.RUNNING and audit.requested_by == people.administrator


def test_a_site_whose_institution_withdrew_is_not_asked(version, people):
    run = version.run
    Consent.objects.create(
        run=run, participant=run.federation.participants.get(site="north"), decision="withdrawn", capacity="officer",
        config_hash=run.config_hash, decided_by=people.officer_north,
    )  # fmt: skip
    audit = services.audit_start(version=version, actor=people.administrator)
    assert [order.participant.site for order in SiteOrder.objects.filter(subject=audit.id)] == ["south"]


def test_an_audit_follows_the_approved_policy_and_says_which(version, people):
    audit = services.audit_start(version=version, actor=people.administrator, risk_class="high")
    assert audit.approved_policy.risk_class == "high" and audit.approved_policy.shipped
    assert audit.policy["approved"]["digest"] == audit.approved_policy.content_digest
    again = services.policies.in_force("high")
    assert again == audit.approved_policy  # the shipped one is written down once


def test_a_quick_audit_does_not_hide_a_certification(version, people):
    certified = make_audit(version, "fail")
    AuditRun.objects.filter(id=certified.id).update(tier="certification")
    with pytest.raises(Conflict, match="must not hide"):
        services.audit_start(version=version, actor=people.administrator)
    assert services.audit_start(version=version, actor=people.administrator, tier="certification").state == "running"


@pytest.mark.parametrize(
    "given", [{"tier": "thorough"}, {"risk_class": "none"}, {"chosen": {"bias_score": 1}}, {"chosen": {"x.y": 1}}]
)
def test_what_is_not_on_offer_is_refused(version, people, given):
    with pytest.raises(ApplicationError, match="Expected|expected"):
        services.audit_start(version=version, actor=people.administrator, **given)
    assert not AuditRun.objects.exists()


def test_a_second_audit_is_refused_while_one_runs(version, people):
    services.audit_start(version=version, actor=people.administrator)
    with pytest.raises(Conflict, match="already running"):
        services.audit_start(version=version, actor=people.officer_north)
    assert version.audits.count() == 1


def test_the_reference_group_is_the_largest_over_all_sites_and_never_the_unknown(version):
    for manifest, counts in zip(
        DataManifest.objects.order_by("participant__site"),
        ({"female": 30, "male": 20, "unknown": 90}, {"female": 1, "male": 40}),
        strict=True,
    ):
        content = {**manifest.content, "groups": {"sex": counts, "planet": {"earth": 50}}}
        DataManifest.objects.filter(id=manifest.id).update(content=content)
    assert services.reference_groups(version) == {"sex": "male"}  # one known planet is nothing to compare


def test_a_new_version_is_audited_at_once_by_the_platform(version):
    job = Job.objects.get(kind="event", payload__event="version.created", payload__subscriber="predeployment")
    assert jobs.run(job.id)
    audit = version.audits.get()
    assert audit.requested_by is None and SiteOrder.objects.filter(subject=audit.id).count() == 2


def test_a_version_that_somebody_audits_already_is_not_audited_a_second_time(version, people):
    services.audit_start(version=version, actor=people.administrator)
    job = Job.objects.get(kind="event", payload__event="version.created", payload__subscriber="predeployment")
    assert jobs.run(job.id)
    assert version.audits.count() == 1


def test_weights_that_are_lost_are_said_so_before_any_site_is_asked(version, people):
    artefacts._path(version.weights_digest).unlink()
    with pytest.raises(Conflict, match="cannot be sent"):
        services.audit_start(version=version, actor=people.administrator)
    assert not AuditRun.objects.exists() and not SiteOrder.objects.filter(kind="audit").exists()


def test_a_policy_that_loosens_a_gate_is_refused(version, people):
    with pytest.raises(ApplicationError, match="at most 0.1, as approved"):
        services.audit_start(version=version, actor=people.administrator, chosen={"bias_score.threshold": 0.3})


@pytest.mark.parametrize(("who", "may"), ROLES.items())
def test_only_administrators_and_ethics_officers_start_an_audit(version, people, signed_in, who, may):
    answer = signed_in(getattr(people, who)).post(reverse("audit_start", args=[version.id]))
    assert answer.status_code == (302 if may else 403)
    assert version.audits.count() == may


def test_an_officer_of_a_stranger_finds_no_such_version(version, people, signed_in):
    assert signed_in(people.outsider).post(reverse("audit_start", args=[version.id])).status_code == 404


def test_starting_takes_a_post(version, people, signed_in):
    assert signed_in(people.administrator).get(reverse("audit_start", args=[version.id])).status_code == 405


def test_a_refusal_returns_to_the_page_with_the_reason(version, people, signed_in):
    services.audit_start(version=version, actor=people.administrator)
    client = signed_in(people.administrator)
    answer = client.post(reverse("audit_start", args=[version.id]), {"next": reverse("audits")}, follow=True)
    assert "already running" in answer.content.decode()
