"""What happens to versions, evidence, cards and deployments. Each call is one governed transaction."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from typing import Any

from django.utils.translation import gettext as _

from accounts.models import User
from core import artefacts, events
from core.context import governed
from core.errors import ApplicationError, Conflict
from core.spoken import inside
from core.tones import look_of
from federation.models import Round, TrainingRun
from models_registry import approvals
from models_registry.approvals import approval_comment, approval_decide, approval_request, approval_withdraw
from models_registry.assessments import lacks_assessment
from models_registry.binding import OUTSIDE, blocked_by_board, latest_card
from models_registry.card_editions import card_edit, card_publish, card_unpublish, texts_on, write_card
from models_registry.models import ApprovalRequest, Deployment, Evidence, Model, Version
from models_registry.refusals import refusals_told

__all__ = [
    "approval_comment",
    "approval_decide",
    "approval_request",
    "approval_withdraw",
    "card_edit",
    "card_publish",
    "card_unpublish",
    "circuit_of",
    "deployment_create",
    "deployment_set_state",
    "evidence_record",
    "version_create",
]


def circuit_of(run: TrainingRun) -> dict[str, Any]:
    """Kind, size and quantum facts of the run's primary model. Builds it, so it takes a moment."""
    from federation.domain.models.registry import build  # torch: only the worker that computes loads it

    return build(run.config["models"]["primary"]).facts()


def version_create(*, run: TrainingRun, circuit: Mapping[str, Any] | None = None) -> Version:
    """Make the version of a finished run, with the first edition of its card. Called again, it finds what it made.

    Parameters
    ----------
    run : TrainingRun
        Finished, with its last round done.
    circuit : mapping, optional
        `circuit_of(run)`, if it was computed before the transaction.

    Raises
    ------
    Conflict
        If the run has not finished, or without a finished round.
    ArtefactError
        If the weights are not in the store whole: a version that nobody could load is none.
    """
    found = Version.objects.filter(run=run).first()
    if found is not None:
        return found
    if run.state != TrainingRun.State.FINISHED:
        raise Conflict(
            _("A version comes of a finished run; this one is %(state)s.") % {"state": inside(look_of(run.state).label)}
        )
    last = run.rounds.filter(state=Round.State.DONE).last()
    if last is None:
        raise Conflict("The run has no finished round, so there are no weights to register.")
    metrics = last.metrics
    if later := run.rounds.filter(state=Round.State.DISCARDED, number__gt=last.number).last():
        metrics = {**metrics, "epsilon": later.metrics["epsilon"]}  # a discarded round is paid for too
    for digest in (last.weights["primary"], last.weights["baseline"]):
        artefacts.checked_file(digest)
    circuit = dict(circuit or circuit_of(run))
    with refusals_told(), governed(action="version.create", reason=f"outcome of {run.name}"):
        model = _model_of(run)
        found = Version.objects.filter(run=run).first()  # once more, now that the model is locked
        if found is not None:
            return found
        newest = model.versions.order_by("-number").first()
        version = Version.objects.create(
            model=model, number=newest.number + 1 if newest else 1, run=run,
            weights_digest=last.weights["primary"], baseline_digest=last.weights["baseline"],
            config_hash=run.config_hash, config=run.config, manifests=run.config["data_digests"],
            metrics=metrics, circuit=circuit,
        )  # fmt: skip
        write_card(version, texts={}, actor=None)
        events.emit("version.created", {"version": str(version.id)})
        return version


def _model_of(run: TrainingRun) -> Model:
    """The federation's line of versions, locked so that two versions never take the same number."""
    federation = run.federation
    model, _ = Model.objects.get_or_create(
        federation=federation, name=f"{federation.name} model", defaults={"intended_use": federation.purpose}
    )
    return Model.objects.select_for_update(no_key=True).get(id=model.id)


def evidence_record(
    *, version: Version, kind: str, source_id: uuid.UUID, verdict: str, digest: str, summary: Mapping[str, Any]
) -> Evidence:
    """Keep what a higher floor found, and write it on the card. Recording the same again changes nothing.

    Parameters
    ----------
    kind : str
        "predeployment_audit" is what the gate reads. What outside boards found (`OUTSIDE`) is not on the card.
    source_id : UUID
        Of the audit, or whatever found it.
    digest : str
        SHA-256 over the canonical results.
    summary : mapping
        Plain JSON. The card shows `summary["checks"]`, a list of mappings with the keys title, principle, verdict,
        value, lower, upper, threshold and sentence, each optional.

    Raises
    ------
    Conflict
        If this source already gave other evidence: results are never rewritten.
    """
    if verdict not in Evidence.Verdict.values:
        raise ApplicationError(
            _("Expected a verdict among %(values)s, got %(verdict)s.")
            % {"values": ", ".join(Evidence.Verdict.values), "verdict": f"{verdict!r}"}
        )
    with refusals_told(), governed(action="evidence.record", reason=f"{kind}: {verdict}"):
        approvals.lock_version(version)
        before = Evidence.objects.filter(kind=kind, source_id=source_id).first()
        if before is not None:
            if (before.version_id, before.digest, before.verdict) != (version.id, digest, verdict):
                raise Conflict(
                    _("The %(kind)s %(source_id)s is already on record with other results.")
                    % {"kind": kind, "source_id": source_id}
                )
            return before
        evidence = Evidence.objects.create(
            version=version, kind=kind, source_id=source_id, verdict=verdict, digest=digest, summary=dict(summary)
        )
        if not kind.startswith(OUTSIDE):  # a board from outside must not void what people here are deciding
            write_card(version, texts=texts_on(latest_card(version)), actor=None)
            approvals.void_stale(version)
        return evidence


def deployment_create(*, request: ApprovalRequest, name: str, actor: User) -> Deployment:
    """Put an approved request into use, under the policy that was approved.

    Raises
    ------
    Conflict
        If the request is not approved, is deployed already, its content has changed (it is then voided), a board's
        finding blocks the version, no impact assessment of its model is in force, or the weights are missing or
        damaged.
    """
    if not name.strip():
        raise ApplicationError("Give the deployment a name that says where it serves.")
    with refusals_told(), governed(action="deployment.create", actor=actor.id, reason=name):
        request = approvals.lock_request(request.id)
        if request.state != ApprovalRequest.State.APPROVED:
            raise Conflict(
                _("Only an approved request is deployed; this one is %(state)s.")
                % {"state": inside(request.get_state_display())}
            )
        if Deployment.objects.filter(approval=request).exists():
            raise Conflict("This approval is already deployed.")
        changed = approvals.void_if_stale(request)
        if not changed:
            deployment = _deploy(request, name.strip(), actor)
    if changed:
        raise Conflict(approvals.void_words(changed))
    return deployment


def _deploy(request: ApprovalRequest, name: str, actor: User) -> Deployment:
    version = request.version
    if blocked := blocked_by_board(version) or lacks_assessment(version):
        raise Conflict(blocked)
    for weights in (version.weights_digest, version.baseline_digest):
        try:
            artefacts.get(weights)
        except artefacts.ArtefactError as error:
            raise Conflict(_("The weights cannot be served: %(error)s.") % {"error": error}) from error
    deployment = Deployment.objects.create(
        version=version, approval=request, kind=request.kind, name=name, policy=request.policy, deployed_by=actor
    )
    events.emit("deployment.created", {"deployment": str(deployment.id)})
    return deployment


def deployment_set_state(*, deployment: Deployment, state: str) -> Deployment:
    """Change the state if the transition exists; the caller holds the locks and has named actor and action."""
    if state not in Deployment.State.values:
        raise ApplicationError(
            _("Expected a state among %(values)s, got %(state)s.")
            % {"values": ", ".join(Deployment.State.values), "state": f"{state!r}"}
        )
    allowed = Deployment.TRANSITIONS.get(Deployment.State(deployment.state), set())
    if state not in allowed:
        raise Conflict(
            _("The deployment is %(state)s; from there it cannot become %(state_2)s.")
            % {"state": inside(look_of(deployment.state).label), "state_2": state}
        )
    deployment.state = state
    deployment.save(update_fields=["state"])
    return deployment
