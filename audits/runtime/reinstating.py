"""Who may vote to reinstate, and on what evidence: new, named by its digest, and the same for all votes."""

from __future__ import annotations

import base64
import binascii
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.db.models import QuerySet
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from audits.runtime.models import Halt, Reinstatement
from core import artefacts
from core.errors import ApplicationError, Conflict, Forbidden
from core.roles import Role
from models_registry.models import Deployment, Evidence
from provenance.domain.decision import SubjectState
from provenance.subjects import subject_state

MOST_BYTES = 20 * 2**20
MOST_NAME = 120
Kind = Reinstatement.EvidenceKind


@dataclass(frozen=True)
class NamedEvidence:
    """What a vote rests on.

    Attributes
    ----------
    digest : str
        SHA-256 in hex: of the document's bytes, or of the audit's record as the registry holds it.
    source : UUID or None
        The audit's.
    """

    kind: str
    digest: str
    source: uuid.UUID | None
    name: str


def evidence_from_audit(*, halt: Halt, audit: uuid.UUID) -> NamedEvidence:
    """Name an audit of the halted version as evidence.

    Raises
    ------
    ApplicationError
        If there is no such audit, it is older than the halt, or it failed.
    """
    found = Evidence.objects.filter(version=halt.deployment.version_id, source_id=audit).first()
    if found is None:
        raise ApplicationError(
            _("Expected a finished audit of %(version)s; there is none %(audit)s.")
            % {"version": halt.deployment.version, "audit": audit}
        )
    if found.created_at <= halt.created_at:
        raise ApplicationError("Expected new evidence; this audit was finished before the halt. Audit it again.")
    if found.verdict == Evidence.Verdict.FAIL:
        raise ApplicationError("This audit says fail, so it is no reason to serve again.")
    name = f"audit of {found.created_at:%d %b %Y, %H:%M} UTC: {found.get_verdict_display().lower()}"
    return NamedEvidence(Kind.AUDIT, found.digest, audit, name)


def evidence_from_document(*, data: bytes, name: str) -> NamedEvidence:
    """Keep a document, and name it as evidence.

    Raises
    ------
    ApplicationError
        If it is empty, too large, or has no readable name.
    """
    if not 1 <= len(data) <= MOST_BYTES:
        raise ApplicationError(
            _("Expected a document of 1 byte to %(most_bytes)s MiB, got %(n)s bytes.")
            % {"most_bytes": MOST_BYTES // 2**20, "n": len(data)}
        )
    text = name.strip()
    if not 1 <= len(text) <= MOST_NAME or not text.isprintable():
        raise ApplicationError(
            _("Expected a name of the document of 1 to %(most_name)s printable characters.") % {"most_name": MOST_NAME}
        )
    return NamedEvidence(Kind.DOCUMENT, artefacts.put(data), None, text)


def evidence_of_votes(halt: Halt) -> NamedEvidence | None:
    """What the votes so far name; the next one must name the same."""
    vote = next(iter(halt.votes), None)
    if vote is None:
        return None
    return NamedEvidence(vote.evidence_kind, vote.evidence_digest, vote.evidence_source, str(vote.evidence_name))


def evidence_given(halt: Halt, told: Mapping[str, Any]) -> NamedEvidence:
    """The evidence of an API call: an audit, a document in base64, or the digest of what the votes before it name."""
    if told.get("audit"):
        return evidence_from_audit(halt=halt, audit=told["audit"])
    if told.get("document"):
        try:
            data = base64.b64decode(told["document"]["data"], validate=True)
        except binascii.Error as error:
            raise ApplicationError("Expected the document's bytes in base64.") from error
        return evidence_from_document(data=data, name=told["document"]["name"])
    before = evidence_of_votes(halt)
    if before is None or told.get("digest") != before.digest:
        raise ApplicationError(
            _("Name the new evidence: an audit or a document, or the digest of what the first vote names: %(digest)s.")
            % {"digest": before.digest}
            if before
            else _("Name the new evidence: an audit or a document.")
        )
    return before


def check_same(halt: Halt, given: NamedEvidence) -> None:
    """Refuse a vote on other evidence than the votes before it."""
    before = evidence_of_votes(halt)
    if before is not None and before.digest != given.digest:
        raise Conflict(
            _(
                "Expected the evidence that the first vote names, %(digest)s; got %(digest_2)s. All votes on a "
                "halt rest on the same evidence; a vote that names the wrong one is withdrawn by its officer."
            )
            % {"digest": before.digest, "digest_2": given.digest}
        )


def audits_since(halt: Halt) -> QuerySet[Evidence]:
    """Audits of the halted version that may be named: finished after the halt, not failed."""
    new = Evidence.objects.filter(version=halt.deployment.version_id, created_at__gt=halt.created_at)
    return new.exclude(verdict=Evidence.Verdict.FAIL)


def deployers(deployment: Deployment) -> dict[uuid.UUID, str]:
    """Who brought it into use, and how: they do not judge its return."""
    request = deployment.approval
    found = {decision.decided_by_id: gettext_noop("approved") for decision in request.decisions.all()}
    return {
        **found,
        request.requested_by_id: gettext_noop("requested"),
        deployment.deployed_by_id: gettext_noop("deployed"),
    }


def refuse_deployer(actor, deployment: Deployment) -> None:
    """Refuse a vote of somebody who brought the deployment into use, or administers it.

    Raises
    ------
    Forbidden
        With what they did.
    """
    did = deployers(deployment).get(actor.id)
    if did is not None:
        raise Forbidden(
            _("You %(did)s this deployment. Officers who did not must judge whether it may serve again.")
            % {"did": _(did)}
        )
    if Role.ADMINISTRATOR in actor.roles:
        raise Forbidden("You administer this deployment. Officers who do not must judge whether it may serve again.")


def refuse_against_chain(deployment: Deployment) -> None:
    """Refuse to reinstate what the chain's registry holds halted or revoked.

    Raises
    ------
    Conflict
        With what to do first.
    """
    view = subject_state(object_id=str(deployment.id))
    if view is not None and view.state is SubjectState.HALTED:
        raise Conflict(
            _("On the chain %(deployment)s is halted. Its officers must decide there to resume it first.")
            % {"deployment": deployment}
        )
    if view is not None and view.state is SubjectState.REVOKED:
        raise Conflict(
            _("On the chain %(deployment)s is revoked, for good. A new deployment needs a new approval.")
            % {"deployment": deployment}
        )
