"""The prediction gateway: infer; then, under the deployment's shared lock, check the state, store, commit, answer.

"Served" means committed: a prediction that a halt overtook is rolled back and answered with 423.
"""

from __future__ import annotations

import hashlib
import uuid
from dataclasses import replace
from datetime import datetime

from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _

from audits.runtime.amber import most_predictions
from audits.runtime.batches import batch_write
from audits.runtime.counting import numbers_take
from audits.runtime.declared import declared_by, participant_of
from audits.runtime.halting import refuse_unless_active
from audits.runtime.idempotency import check_key, claim, keep, recall
from audits.runtime.inference import Answer, infer
from audits.runtime.inputs import inputs_keep
from audits.runtime.locks import lock_shared
from audits.runtime.models import Prediction
from audits.runtime.names import CaseName, claim_events, new_names
from audits.runtime.operating import inputs_of_case, judge, operating_of
from audits.runtime.records import (
    MAX_PREDICTIONS,
    Case,
    PredictionIn,
    Refusals,
    check_cases,
    encode_mask,
    pack_mask,
    read_records,
)
from audits.runtime.restrictions import refuse_restricted
from audits.runtime.rollups import SERVED, rollups_add
from audits.runtime.scope import refuse_records, refuse_site
from core.context import governed
from core.errors import Conflict, Forbidden
from core.pseudonyms import patient_pseudonyms
from federation.models import Participant
from models_registry.models import ApprovalRequest, Deployment

NOTICE = (
    "This answer was computed automatically from the patient's data by the model named here. It supports a clinician's "
    "decision and does not replace it: nobody may be subject to a decision based on it alone (GDPR Art. 22)."
)
SHADOW = "shadow: not for care"
SHADOW_NOTICE = (
    "Shadow deployment: the answer was stored for evaluation and is withheld, so that it cannot influence care."
)


def predictions_create(*, deployment: Deployment, caller, body: bytes, idempotency_key: str | None) -> dict:
    """Predict a batch of cases.

    Parameters
    ----------
    caller : User or Machine
        Of an institution of the deployment's federation.
    body : bytes
        JSON ``{"records": [{event_key, patient, attributes, features | image}]}``.

    Returns
    -------
    dict
        The answer as it is sent.

    Raises
    ------
    SiteOutOfScope, OutOfScope
        If the policy limits the sites, ages, devices or uses, and the request lies outside.
    Restricted
        If the processing of a patient's data is restricted.
    Locked
        If the deployment is not active, or its policy requires the chain's approval and the chain does not give it.
    ChainUnknown
        If its policy requires the chain's approval and that is not known freshly enough.
    ApplicationError
        If the request cannot be served; the message says why.
    """
    sender = caller_participant(caller, deployment)
    site = sender.site
    refuse_site(deployment, site)
    key, digest, scope = check_key(idempotency_key), _digest(body), _scope(deployment, caller)
    cases = _cases(deployment, site, body)
    refuse_unless_active(deployment.id, site)  # early, to save the work; what counts is the check under the lock
    answers = _answers(deployment, cases)
    batch_id, now = uuid.uuid4(), timezone.now()
    names = new_names(deployment.id, [case.event_key for case in cases])
    rows = _rows(deployment, sender, batch_id, now, cases, names, answers)
    answer = _answer(deployment, batch_id, now, cases, answers)
    with governed(action="prediction.serve", actor=caller.id, reason=f"{len(rows)} requested by {site}"):
        lock_shared(deployment.id)
        if warnings := refuse_unless_active(deployment.id, site):
            answer["warnings"] = warnings
        stored = claim(scope=scope, key=key, request_digest=digest)
        if stored is not None:
            return stored
        claim_events(deployment.id, "prediction", names, now)
        _store(deployment, site, batch_id, now, rows, caller)
        keep(scope=scope, key=key, answer=answer)
    inputs_keep(deployment.id, site, [case.inputs for case in cases])
    return answer


def predictions_recall(*, deployment: Deployment, caller, body: bytes, idempotency_key: str) -> dict | None:
    """The answer that was committed for this request, whatever was halted or restricted since; None if none was.

    For who goes on with work of their own. A caller of the API who sends a request again is told of the halt instead.
    """
    return recall(scope=_scope(deployment, caller), key=idempotency_key, request_digest=_digest(body))


def _scope(deployment: Deployment, caller) -> str:
    """Within which an Idempotency-Key means one request."""
    return f"prediction:{deployment.id}:{caller.id}"


def _digest(body: bytes) -> str:
    return hashlib.sha256(body).hexdigest()


def _cases(deployment: Deployment, site: str, body: bytes) -> list[Case]:
    """What was sent, checked and judged; refused whole if one record may not be predicted or cannot be read."""
    records = read_records(body, PredictionIn, MAX_PREDICTIONS)
    refuse_restricted(deployment, site, records)
    refuse_records(deployment, site, records)
    return [_judged(deployment, case) for case in check_cases(records, declared_by(deployment.version))]


def _store(
    deployment: Deployment, site: str, batch_id: uuid.UUID, now: datetime, rows: list[Prediction], caller
) -> None:
    """Number the rows, write them as a batch of the ledger, and add them to the sums of the hour."""
    first = _count(deployment, len(rows))
    batch_write(
        deployment=deployment, kind="prediction", site=site, batch_id=batch_id, rows=rows, first_position=first,
        caller_id=caller.id,
    )  # fmt: skip
    rollups_add(
        deployment_id=deployment.id, at=now, site=site,
        values=[(row.attributes, {SERVED: float(row.flagged)}) for row in rows],
    )  # fmt: skip


def caller_participant(caller, deployment: Deployment) -> Participant:
    """The site, with its institution, for which the caller speaks."""
    participant = participant_of(caller, deployment)
    if participant is None:
        raise Forbidden(
            _(
                "Predictions and outcomes belong to a site: the caller must be of an institution that takes "
                "part in %(federation)s."
            )
            % {"federation": deployment.version.model.federation}
        )
    return participant


def caller_site(caller, deployment: Deployment) -> str:
    return caller_participant(caller, deployment).site


def _judged(deployment: Deployment, case: Case) -> Case:
    """The case with its place against the operating range, and the warnings that follow."""
    declared = declared_by(deployment.version)
    inputs = inputs_of_case(declared, case.x)
    found = judge(operating_of(deployment), declared, inputs)
    return replace(case, place=found.place, warnings=[*case.warnings, *found.warnings], inputs=inputs)


def _answers(deployment: Deployment, cases: list[Case]) -> list[Answer]:
    found, refusals = [], Refusals()
    name = "image" if declared_by(deployment.version).imaged else "features"
    for index, (case, answer) in enumerate(
        zip(cases, infer(deployment.version, [case.x for case in cases]), strict=True)
    ):
        if answer is None:
            refusals.add(index, name, "the model gives no finite number for these values", case.event_key)
        else:
            found.append(answer)
    refusals.raise_if_any()
    return found


def _rows(
    deployment: Deployment, sender: Participant, batch_id: uuid.UUID, now: datetime, cases: list[Case],
    names: list[CaseName], answers: list[Answer],
) -> list[Prediction]:  # fmt: skip
    """What is stored: patients by pseudonym, cases by alias."""
    subjects = patient_pseudonyms(sender.institution.slug, [case.patient for case in cases])
    return [
        Prediction(
            received_at=now, deployment_id=deployment.id, event_key=name.alias, batch_id=batch_id, batch_index=i,
            site=sender.site, subject=subject, attributes=dict(case.attributes),
            score=answer.score, flagged=answer.flagged, output=b"" if answer.mask is None else pack_mask(answer.mask),
            shape=[] if answer.mask is None else list(answer.mask.shape), warnings=case.warnings,
        )
        for i, (case, name, subject, answer) in enumerate(zip(cases, names, subjects, answers, strict=True))
    ]  # fmt: skip


def _answer(
    deployment: Deployment, batch_id: uuid.UUID, now: datetime, cases: list[Case], answers: list[Answer]
) -> dict:
    shadow = deployment.kind == ApprovalRequest.Kind.SHADOW
    show = _withheld if shadow else _shown
    card = deployment.version.cards.filter(digest=deployment.approval.content.get("card")).first()
    return {
        "deployment": str(deployment.id),
        "kind": SHADOW if shadow else "clinical",
        "acted_on": False if shadow else None,  # not ours to know in clinical use
        "batch": str(batch_id),
        "at": now.isoformat(),
        "model": {
            "version": str(deployment.version),
            "weights": deployment.version.weights_digest,
            "card": {"edition": card.edition, "digest": card.digest} if card else None,
        },
        "regulatory": deployment.policy.get("regulatory", "not stated"),
        "operating_range": operating_of(deployment).told(declared_by(deployment.version)),
        "predictions": [
            show(case, answer, reverse("prediction", args=[deployment.id, batch_id, index]))
            for index, (case, answer) in enumerate(zip(cases, answers, strict=True))
        ],
        "notice": SHADOW_NOTICE if shadow else NOTICE,
    }


def _withheld(case: Case, answer: Answer, page: str) -> dict:
    return {"event_key": case.event_key, "withheld": True, "warnings": case.warnings}


def _shown(case: Case, answer: Answer, page: str) -> dict:
    out = {
        "event_key": case.event_key,
        "score": answer.score,
        "label": int(answer.flagged),
        "confidence": answer.confidence,
        "range": case.place,
        "warnings": case.warnings,
        "explanation": page,  # for people: what explains the model, and this case against its operating range
    }
    if answer.mask is not None:
        out["mask"] = encode_mask(pack_mask(answer.mask), list(answer.mask.shape))
    return out


def _count(deployment: Deployment, rows: int) -> int:
    """Count what is served, from which number on; an approval or a decision on a warning may limit it."""
    most = most_predictions(deployment)
    first = numbers_take(deployment.id, "predictions", rows)
    served = first - 1
    if most is not None and served + rows > most:
        raise Conflict(
            _(
                "The approval of %(deployment)s allows %(most)s predictions; %(served)s were served and this "
                "request asks for %(rows)s more. A new approval is needed to go on."
            )
            % {"deployment": deployment, "most": most, "served": served, "rows": rows},
            max_predictions=most,
            served=served,
        )
    return first
