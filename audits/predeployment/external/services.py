"""Audits by outside boards: an administrator invites, the board uploads, runs checks and says what it found.

Every step is a governed row. Access ends by itself: with the day, with the board's own word, or with a revocation.
"""

from __future__ import annotations

import uuid
from collections.abc import Collection
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.db import transaction
from django.utils import timezone
from django.utils.text import slugify
from django.utils.translation import gettext

from accounts.invitations import person_invite
from accounts.models import Institution, Membership, User
from audits.predeployment import policies
from audits.predeployment.external import archive, attachments
from audits.predeployment.external.layout import layout_of, why_none
from audits.predeployment.models import AuditRun, ExternalAudit, ExternalData, ExternalFinding, ExternalRun
from audits.predeployment.services import reference_groups
from core import artefacts, jobs
from core.context import governed
from core.errors import ApplicationError, Conflict, Forbidden
from core.roles import Role
from core.spoken import inside
from federation.domain.messages import digest
from federation.models import Participant
from models_registry.models import Version
from models_registry.refusals import refusals_told
from models_registry.services import evidence_record

State = ExternalAudit.State
LONGEST = timedelta(days=180)
MOST_DATA_SETS = 5
FINDING = "external_finding"
# How a finding in words stands among the evidence: an objection, or a remark that settles nothing.
_WEIGHT = {"note": "inconclusive", "minor": "inconclusive", "major": "fail", "critical": "fail"}


def offered(version: Version) -> dict[str, Any]:
    """The policy that a board's checks would follow: the quick tier in force, without what only the platform knows."""
    from audits.predeployment.checks.base import Runtime
    from audits.predeployment.checks.registry import check_of
    from audits.predeployment.policy import PolicyError, resolve

    try:
        full = resolve(
            policies.in_force(settings.AUDIT_RISK_CLASS).content, tier=AuditRun.Tier.QUICK, config=version.config,
            reference_groups=reference_groups(version),
        )  # fmt: skip
    except PolicyError as error:
        raise Conflict(gettext("Nobody can audit under the policy in force: %(error)s.") % {"error": error}) from error
    found = {name: check_of(name) for name in full["checks"]}
    usable = {n: c for n, c in found.items() if c.at_sites and not c.facts and c.runtime is not Runtime.HOURS}
    return full | {"checks": {name: full["checks"][name] for name in usable}}


def external_invite(
    *, version: Version, board: str, name: str, email: str, checks: Collection[str], expires_at: datetime, purpose: str,
    actor: User,
) -> ExternalAudit:  # fmt: skip
    """Invite a person of an outside board. Without an account here, one is made, without a password.

    Raises
    ------
    ApplicationError
        If the day, the checks, or a text is not allowed.
    Conflict
        If the board or the person belongs to what is audited, or the person is invited already.
    """
    now = timezone.now()
    if not now < expires_at <= now + LONGEST:
        raise ApplicationError(gettext("Expected a last day within %(days)s days from now.") % {"days": LONGEST.days})
    if not all(text.strip() for text in (board, name, email, purpose)):
        raise ApplicationError("Give the board, the person's name and address, and the purpose.")
    policy = offered(version)
    if not checks or (strange := sorted(set(checks) - set(policy["checks"]))):
        got = ", ".join(strange) if checks else "none"
        raise ApplicationError(
            gettext("Expected checks among %(checks)s; got %(got)s.")
            % {"checks": ", ".join(policy["checks"]), "got": got}
        )
    part = policy | {"checks": {n: policy["checks"][n] for n in policy["checks"] if n in set(checks)}}
    with refusals_told(), governed(action="external.invite", actor=actor.id, reason=purpose):
        institution = _board(board.strip())
        person = person_invite(email=email, name=name.strip())
        held = Membership.objects.filter(user=person, is_active=True)
        if person.id == actor.id or held.exclude(role=Role.EXTERNAL_AUDITOR).exists():
            raise Conflict("This person has another role here; an outside auditor has none.")
        if ExternalAudit.objects.filter(version=version, auditor=person, state=State.OPEN).exists():
            raise Conflict("This person is already invited to this version.")
        Membership.objects.update_or_create(
            user=person, institution=institution, role=Role.EXTERNAL_AUDITOR, defaults={"is_active": True}
        )
        made = ExternalAudit.objects.create(
            version=version, board=institution, auditor=person, policy=part, expires_at=expires_at, invited_by=actor,
            purpose=purpose.strip(),
        )  # fmt: skip
        wait = (expires_at - now).total_seconds()
        jobs.enqueue(
            "external.expire", {"external": str(made.id)}, key=f"external.expire:{made.id}", delay_seconds=wait
        )
        return made


def _board(name: str) -> Institution:
    """The board as an institution of its own, which takes part in nothing."""
    found = Institution.objects.filter(name__iexact=name).first()
    if found is None:
        slug = f"board-{slugify(name)[:20] or 'x'}-{uuid.uuid4().hex[:6]}"
        return Institution.objects.create(slug=slug, name=name)
    if Participant.objects.filter(institution=found).exists():
        raise Conflict(
            gettext("%(found)s takes part in a federation here, so it is no outside board.") % {"found": found}
        )
    return found


def external_close(*, external: ExternalAudit, actor: User) -> ExternalAudit:
    """The board has finished."""
    with governed(action="external.close", actor=actor.id):
        _refuse_others(external, actor)
        return _end(external.id, State.CLOSED, actor=actor)


def external_revoke(*, external: ExternalAudit, reason: str, actor: User) -> ExternalAudit:
    """End a board's access before its day. What it found stays."""
    if not reason.strip():
        raise ApplicationError("Give a reason: it becomes part of the record.")
    with governed(action="external.revoke", actor=actor.id, reason=reason):
        return _end(external.id, State.REVOKED, actor=actor, reason=reason.strip())


@jobs.handles("external.expire")
def external_expire(payload: dict) -> jobs.Effects:
    """The last day is over. (Nothing waits for this: access looks at the day itself.)"""

    def effects() -> None:
        found = ExternalAudit.objects.get(id=payload["external"])
        if found.state == State.OPEN:
            with governed(action="external.expire", reason="its last day is over"):
                _end(found.id, State.EXPIRED)

    return effects


def _end(external_id: uuid.UUID, state: str, *, actor: User | None = None, reason: str = "") -> ExternalAudit:
    """Close it, remove the uploaded patients, and take the role away if nothing else is open to the person."""
    held = _locked(external_id)
    if held.state != State.OPEN:
        raise Conflict(
            gettext("This external audit is %(state)s already.") % {"state": inside(held.get_state_display())}
        )
    held.closed_by, held.close_reason = actor, reason
    held.state, held.closed_at = state, timezone.now()
    held.save(update_fields=["state", "closed_at", "closed_by", "close_reason"])
    for data in held.data_sets.exclude(state=ExternalData.State.WITHDRAWN):
        _remove(data)
    others = ExternalAudit.objects.filter(auditor=held.auditor_id, board=held.board_id, state=State.OPEN)
    if not others.exists():
        member = Membership.objects.filter(user=held.auditor_id, institution=held.board_id, role=Role.EXTERNAL_AUDITOR)
        member.update(is_active=False)
    return held


def data_upload(*, external: ExternalAudit, site: str, data: bytes, actor: User) -> ExternalData:
    """Take a board's own held-out patients. The loader looks at them in the background.

    Raises
    ------
    ApplicationError
        If the archive is not one that may be unpacked, or the hospital's layout is unknown.
    Conflict
        If it is here already, or too many are.
    """
    _refuse_others(external, actor)
    layout = layout_of(external.version)
    if layout is None:
        raise Conflict(why_none(external.version))
    codes = [code for code, _ in layout.sites]
    if site not in codes:
        raise ApplicationError(
            gettext("Expected the layout of a hospital among %(codes)s; got %(site)s.")
            % {"codes": ", ".join(codes), "site": f"{site!r}"}
        )
    try:
        archive.members(data)
    except archive.ArchiveError as error:
        raise ApplicationError(gettext("The archive was not accepted: %(error)s.") % {"error": error}) from error
    found = archive.digest_of(data)
    with refusals_told(), governed(action="external.upload", actor=actor.id, reason=f"sha256 {found}"):
        held = _opened(external, actor)
        kept = held.data_sets.exclude(state=ExternalData.State.WITHDRAWN)
        if kept.filter(digest=found).exists():
            raise Conflict("These data are here already.")
        if kept.count() >= MOST_DATA_SETS:
            raise Conflict(
                gettext("At most %(most_data_sets)s data sets are kept; withdraw one first.")
                % {"most_data_sets": MOST_DATA_SETS}
            )
        made = ExternalData.objects.create(
            external=held, site=site, digest=found, size=len(data), uploaded_by=actor,
            stored=artefacts.put(archive.sealed_in(data, str(held.id))),
        )  # fmt: skip
        jobs.enqueue("external.data", {"data": str(made.id)}, key=f"external.data:{made.id}")
        return made


def data_withdraw(*, data: ExternalData, actor: User) -> ExternalData:
    """Take the patients back: the bytes are removed; that they were here, and their digest, stay on record."""
    with governed(action="external.withdraw", actor=actor.id):
        _opened(data.external, actor)
        data = ExternalData.objects.select_for_update(of=("self",)).get(id=data.id)
        if data.state == ExternalData.State.WITHDRAWN:
            raise Conflict("These data are withdrawn already.")
        return _remove(data)


def _remove(data: ExternalData) -> ExternalData:
    data.state, data.withdrawn_at = ExternalData.State.WITHDRAWN, timezone.now()
    data.save(update_fields=["state", "withdrawn_at"])
    transaction.on_commit(lambda: artefacts.remove(data.stored))
    return data


def run_start(*, data: ExternalData, checks: Collection[str], actor: User) -> ExternalRun:
    """Run some of the allowed checks on a data set, each as a job.

    Raises
    ------
    ApplicationError
        For a check that was not allowed.
    Conflict
        If the data are not ready, or a run is under way.
    """
    with refusals_told(), governed(action="external.run", actor=actor.id):
        held = _opened(data.external, actor)
        data = held.data_sets.select_for_update(of=("self",)).get(id=data.id)
        if data.state != ExternalData.State.READY:
            raise Conflict(
                gettext("The data are %(state)s; only data that are ready can be used.")
                % {"state": inside(data.get_state_display())}
            )
        allowed = held.policy["checks"]
        if not checks or set(checks) - set(allowed):
            raise ApplicationError(
                gettext("Expected checks among %(allowed)s; got %(checks)s.")
                % {"allowed": ", ".join(allowed), "checks": ", ".join(checks) or gettext("none")}
            )
        if held.runs.filter(state=ExternalRun.State.RUNNING).exists():
            raise Conflict("A run is under way; wait until it is finished.")
        policy = held.policy | {"checks": {name: allowed[name] for name in allowed if name in set(checks)}}
        run = ExternalRun.objects.create(external=held, data=data, policy=policy, requested_by=actor)
        for name in policy["checks"]:
            jobs.enqueue("external.check", {"run": str(run.id), "check": name}, key=f"external.check:{run.id}:{name}")
        return run


def finding_add(
    *, external: ExternalAudit, severity: str, text: str, actor: User, run: ExternalRun | None = None, name: str = "",
    attachment: bytes = b"",
) -> ExternalFinding:  # fmt: skip
    """Keep what the board says. It is shown to those who approve, and gates nothing by itself.

    Raises
    ------
    ApplicationError
        If the severity is unknown, the text empty or the file none of the allowed kinds.
    """
    if severity not in ExternalFinding.Severity.values:
        raise ApplicationError(
            gettext("Expected a severity among %(weight)s; got %(severity)s.")
            % {"weight": ", ".join(_WEIGHT), "severity": f"{severity!r}"}
        )
    if not text.strip():
        raise ApplicationError("Say what you found: it becomes part of the record.")
    kind = attachments.kind_of(name, attachment) if attachment else ""
    with refusals_told(), governed(action="external.finding", actor=actor.id, reason=severity):
        held = _opened(external, actor)
        if run is not None and run.external_id != held.id:
            raise ApplicationError("The run belongs to another audit.")
        made = ExternalFinding.objects.create(
            external=held, run=run, severity=severity, text=text.strip(), author=actor,
            attachment=artefacts.put(attachment) if attachment else "", attachment_type=kind,
            attachment_name=attachments.safe_name(name) if attachment else "",
        )  # fmt: skip
        evidence_record(
            version=held.version, kind=FINDING, source_id=made.id, verdict=_WEIGHT[severity],
            digest=digest({"finding": str(made.id), "severity": severity, "attachment": made.attachment}),
            summary={"external": str(held.id), "board": held.board.name, "severity": severity, "told": [
                f"A {severity} finding in the board's own words"]},
        )  # fmt: skip
        return made


def _opened(external: ExternalAudit, actor: User) -> ExternalAudit:
    """The external audit, locked, if it is this person's and open."""
    held = _locked(external.id)
    _refuse_others(held, actor)
    if held.state != State.OPEN or held.expires_at <= timezone.now():
        raise Conflict("This external audit is not open any more.")
    return held


def _refuse_others(external: ExternalAudit, actor: User) -> None:
    if external.auditor_id != actor.id:
        raise Forbidden("Only the invited auditor works on an external audit.")


def _locked(external_id: uuid.UUID) -> ExternalAudit:
    return (
        ExternalAudit.objects.select_for_update(of=("self",))
        .select_related("version__model", "board")
        .get(id=external_id)
    )
