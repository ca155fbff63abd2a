"""The life of an audit: started under an approved policy, stopped with a reason. `running` does what lies between."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.conf import settings
from django.utils import timezone
from django.utils.translation import gettext as _

from accounts.models import User
from audits.predeployment import deadlines, policies, running
from audits.predeployment.models import AuditPolicy, AuditRun
from core import artefacts, jobs
from core.context import governed
from core.errors import ApplicationError, Conflict
from core.spoken import inside
from core.tones import look_of
from federation import consents, mailbox, training
from federation.models import DataManifest
from models_registry.models import Version

State = AuditRun.State
Tier = AuditRun.Tier
RiskClass = AuditPolicy.RiskClass
UNKNOWN = "unknown"


def audit_start(
    *,
    version: Version,
    actor: Any = None,
    tier: str = Tier.QUICK,
    risk_class: str | None = None,
    chosen: Mapping[str, Any] | None = None,
) -> AuditRun:
    """Ask every site that trained the version to audit it, under the approved policy of a class of risk.

    Parameters
    ----------
    actor : a person, the holder of an API key, or None for the platform itself
    tier : "quick" (minutes) or "certification" (hours)
    risk_class : "limited" or "high"; the platform's AUDIT_RISK_CLASS by default
    chosen : mapping of "check.setting" to a value that is tighter than the approved one

    Raises
    ------
    ApplicationError
        If the tier, the class or a chosen setting is not allowed.
    Conflict
        If an audit of the version is running, it would hide a certification or what a stricter class of risk asks, or
        no site is left to ask.
    """
    if tier not in Tier.values:
        raise ApplicationError(
            _("Expected a tier among %(values)s; got %(tier)s.")
            % {"values": ", ".join(Tier.values), "tier": f"{tier!r}"}
        )
    with governed(action="audit.start", actor=actor.id if actor else None, reason=f"{tier} audit of {version}"):
        version = Version.objects.select_for_update(no_key=True).get(id=version.id)
        if reason := refusal(version, tier):
            raise Conflict(reason)
        risk_class = risk_class or settings.AUDIT_RISK_CLASS
        approved = policies.in_force(risk_class)
        if risk_class != RiskClass.HIGH and _is_high(version):
            raise Conflict(
                _("%(version)s is held to the class of high risk; another would hide what that policy asks.")
                % {"version": version}
            )
        audit = AuditRun.objects.create(
            version=version, approved_policy=approved, tier=tier, policy=_resolved(approved, version, tier, chosen),
            requested_by=actor if isinstance(actor, User) else None,
        )  # fmt: skip
        _ask_sites(audit)
        return audit


def refusal(version: Version, tier: str = Tier.QUICK) -> str:
    """Why an audit of this tier cannot start now; empty if it can."""
    if version.audits.filter(state=State.RUNNING).exists():
        return _("An audit of %(version)s is already running; wait for it to finish, or stop it.") % {
            "version": version
        }
    if tier == Tier.QUICK and version.audits.filter(tier=Tier.CERTIFICATION).exclude(verdict="").exists():
        return _(
            "%(version)s has a certification audit, which a quick one must not hide. Start a certification audit."
        ) % {"version": version}
    return ""


def _is_high(version: Version) -> bool:
    """Whether the platform, or an audit of this version that said something, follows the stricter policy."""
    before = version.audits.filter(approved_policy__risk_class=RiskClass.HIGH).exclude(verdict="")
    return settings.AUDIT_RISK_CLASS == RiskClass.HIGH or before.exists()


def _resolved(approved: AuditPolicy, version: Version, tier: str, chosen: Mapping[str, Any] | None) -> dict[str, Any]:
    from audits.predeployment.policy import PolicyError, resolve  # numpy: only who starts an audit loads the checks

    try:
        found = resolve(
            approved.content, tier=tier, config=version.config, reference_groups=reference_groups(version),
            chosen=chosen,
        )  # fmt: skip
    except PolicyError as error:
        raise ApplicationError(_("The audit cannot start under this policy: %(error)s.") % {"error": error}) from error
    name = {"id": str(approved.id), "risk_class": approved.risk_class, "number": approved.number}
    approved_as = name | {"digest": approved.content_digest}
    return found | {"approved": approved_as, "answer_within": deadlines.limits()}


def _ask_sites(audit: AuditRun) -> None:
    version = audit.version
    for stored in (version.weights_digest, version.baseline_digest):
        try:
            artefacts.get(stored)
        except artefacts.ArtefactError as error:
            raise Conflict(
                _("The weights of %(version)s cannot be sent: %(error)s.") % {"version": version, "error": error}
            ) from error
    participants = consents.staying(version.run, training.participants_of(version.run))
    if not participants:
        raise Conflict(
            _("No site of %(version)s's training run is left, so nobody can audit it.") % {"version": version}
        )
    running.ask(audit, participants)
    running.enqueue_ready(audit)


def reference_groups(version: Version) -> dict[str, str]:
    """For each attribute that two known groups share, the largest group over all sites: the others are held against it.

    From the manifests that the sites consented with, so before any audit patient is looked at.
    """
    manifests = DataManifest.objects.filter(
        participant__federation=version.model.federation_id, digest__in=version.manifests.values()
    )
    counts: dict[str, dict[str, int]] = {}
    for content in manifests.values_list("content", flat=True):
        for attribute, groups in content["groups"].items():
            mine = counts.setdefault(attribute, {})
            for group, n in groups.items():
                if group != UNKNOWN and n:
                    mine[group] = mine.get(group, 0) + n
    return {name: max(sorted(found), key=found.__getitem__) for name, found in counts.items() if len(found) > 1}


def audit_stop(*, audit: AuditRun, reason: str, actor: Any) -> AuditRun:
    """Give an audit up, because a site will not answer, say. What was measured stays.

    Nothing is concluded from it but a fail that was found already: stopping must not be a way around one.
    """
    if not reason.strip():
        raise ApplicationError("Give a reason: it becomes part of the record.")
    with governed(action="audit.stop", actor=actor.id, reason=reason):
        audit = running.locked(audit.id)
        if audit.state != State.RUNNING:
            raise Conflict(
                _("The audit is %(state)s; only a running one can be stopped.")
                % {"state": inside(look_of(audit.state).label)}
            )
        mailbox.orders_cancel(subject_ids=[audit.id])
        audit.stopped_by_id, audit.stop_reason = actor.id, f"Stopped: {reason.strip()}"
        audit.state, audit.finished_at = State.FAILED, timezone.now()
        audit.save(update_fields=["state", "stopped_by", "stop_reason", "finished_at"])
        running.keep_fail(audit)
        return audit


def version_created(payload: dict) -> jobs.Effects:
    """A new version is audited at once, by the platform itself."""

    def effects() -> None:
        version = Version.objects.select_related("model", "run").get(id=payload["version"])
        if not version.audits.exists():
            audit_start(version=version)

    return effects
