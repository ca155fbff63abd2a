"""Rehearsing a halt: a site's data sent through the real gateway and the real ingest, with a gap planted in them."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import numpy as np
from django.utils import timezone
from numpy.typing import NDArray

from accounts.api.authentication import Machine
from accounts.models import ApiKey, Membership, User
from audits.domain.rehearsal import Plan, prepare, rehearsed_cases
from audits.domain.traffic import Halted, Traffic, drive
from audits.runtime import gateway, ingest, monitoring
from audits.runtime.admission import admit
from audits.runtime.inference import infer
from audits.runtime.models import DeploymentCounter, Halt, MonitorState
from audits.runtime.rows import Body
from core.errors import ApplicationError, Conflict, Locked
from core.roles import Role
from federation.domain.data.dataset import SiteData, Source
from federation.models import Participant
from models_registry.models import ApprovalRequest, Deployment, Version

ACTIONS = ("prediction.request", "outcome.record")
MOST_JUDGED = 1000  # patients on whom the model is tried beforehand
WAIT_SECONDS = 15.0  # for the monitor's process, after the last case


@dataclass
class Rehearsal:
    """What came of it.

    Attributes
    ----------
    base : float or None
        The group's rate as the model does without anything planted; None if nothing was.
    halt : Halt or None
        The monitor's or an officer's, if one came.
    outcomes_to_halt : int or None
        Outcomes of this replay that were folded when it came.
    seconds_to_halt : float or None
        From the moment when the first case after the onset was sent.
    """

    traffic: Traffic
    base: float | None
    halt: Halt | None
    outcomes_to_halt: int | None
    seconds_to_halt: float | None


class ServiceGate:
    """The services behind the API, without the network."""

    def __init__(self, deployment: Deployment, caller: Machine | User) -> None:
        self.deployment, self.caller = deployment, caller

    def predict(self, records: list[dict[str, Any]], key: str) -> dict[str, Any]:
        try:
            return gateway.predictions_create(
                deployment=self.deployment, caller=self.caller, body=_body(records), idempotency_key=key
            )
        except Locked as error:
            raise Halted({"message": error.message, **error.extra}) from error

    def tell(self, records: list[dict[str, Any]], key: str) -> None:
        ingest.outcomes_create(
            sender=admit(self.deployment.id, self.caller), body=Body(_body(records)), idempotency_key=key
        )


def _body(records: list[dict[str, Any]]) -> bytes:
    return json.dumps({"records": records}).encode()


def rehearse(
    *,
    deployment: Deployment,
    source: Source,
    participant: Participant,
    plan: Plan,
    rate: float,
    batch: int,
    fold: bool,
    prefix: str,
    clinical: bool = False,
    told: Callable[[Traffic], None] = lambda _: None,
) -> Rehearsal:
    """Send the plan's cases until the deployment is halted or they are all sent.

    Parameters
    ----------
    rate : float
        Cases a second at most; 0 is as fast as they are served.
    fold : bool
        Fold the outcomes here after each batch, which makes the halt's position the same for the same seed. Otherwise
        the monitor's process does, as in use.
    clinical : bool
        Whoever starts it has said that on this clinical deployment it is a rehearsal.

    Raises
    ------
    ApplicationError
        If it may not be rehearsed on, or the gateway refuses the cases.
    PlanError
        If the plan does not fit the data or the model.
    """
    check(deployment, plan, clinical)
    site = participant.site
    held = source.load(site)
    held = held.take(np.arange(min(held.n_patients, MOST_JUDGED)))
    planter = prepare(plan, held, lambda data: judge(deployment.version, data))
    clock = _Clock(rate, batch, plan.onset)
    before = _position(deployment)

    def progress(done: Traffic) -> bool:
        if fold:
            while monitoring.fold_deployment(deployment.id):
                pass
        told(done)
        halted = Halt.objects.open().filter(deployment=deployment).exists()
        if not halted:
            clock.wait(done.predictions)
        return halted

    gate = ServiceGate(deployment, caller_of(participant))
    cases = rehearsed_cases(source, site, plan, planter, size=batch)
    clock.start()
    done = drive(gate, cases, prefix=prefix, progress=progress)
    halt = _await_halt(deployment, 0.0 if fold else WAIT_SECONDS)
    return Rehearsal(
        traffic=done, base=planter.base if planter else None, halt=halt,
        outcomes_to_halt=halt.position - before if halt else None,
        seconds_to_halt=(halt.created_at - clock.onset_at).total_seconds() if halt and clock.onset_at else None,
    )  # fmt: skip


def check(deployment: Deployment, plan: Plan, clinical: bool) -> None:
    """Refuse what must not be rehearsed on, before anything is sent."""
    if deployment.kind != ApprovalRequest.Kind.SHADOW and not clinical:
        raise Conflict(
            f"{deployment} is in clinical use: its answers are served and a halt is real. Rehearse on a shadow "
            "deployment, or say that this is a rehearsal (--rehearsal) after you have told those who use it."
        )
    if deployment.state != Deployment.State.ACTIVE:
        raise Conflict(f"{deployment} is {deployment.get_state_display().lower()}: it serves nothing to rehearse with.")
    most = deployment.policy.get("max_predictions")
    counter = DeploymentCounter.objects.filter(deployment=deployment).first()
    served = counter.predictions if counter else 0
    if most is not None and served + plan.count > most:
        raise Conflict(
            f"The approval of {deployment} allows {most:,} predictions and {served:,} were served: expected a count of "
            f"at most {max(0, most - served):,}, got {plan.count:,}."
        )


def judge(version: Version, data: SiteData) -> tuple[dict[str, NDArray[np.float64]], NDArray[np.bool_]]:
    """The metrics of each patient and whether the model flags them, from the model itself."""
    answers = infer(version, [data.x[data.patient_index == i] for i in range(data.n_patients)])
    if any(answer is None for answer in answers):
        raise ApplicationError("The model gives no finite number for some of these data, so they cannot be replayed.")
    known = [answer for answer in answers if answer is not None]
    flagged = np.array([answer.flagged for answer in known])
    if data.task == "segmentation":
        from federation.domain.learning.evaluation import segmentation_metrics

        order = np.argsort(data.patient_index, kind="stable")
        masks = np.concatenate([answer.mask for answer in known if answer.mask is not None])
        index = data.patient_index[order]
        return dict(segmentation_metrics(data.y[order].astype(bool), masks, index, data.n_patients)), flagged
    label = np.zeros(data.n_patients, dtype=bool)
    label[data.patient_index] = data.y.astype(bool)
    nobody = np.full(data.n_patients, np.nan)
    return {
        "tpr": np.where(label, flagged, nobody),
        "fpr": np.where(label, nobody, flagged),
        "accuracy": (flagged == label).astype(float),
    }, flagged


def caller_of(participant: Participant) -> Machine | User:
    """Who sends for the site: its newest key that may, else a clinician of it.

    Raises
    ------
    Conflict
        If there is neither.
    """
    keys = ApiKey.objects.filter(institution_id=participant.institution_id, expires_at__gt=timezone.now())
    for key in keys.filter(revoked_at=None).select_related("institution"):
        if set(ACTIONS) <= set(key.actions):
            return Machine(key)
    here = {"institution": participant.institution_id, "role": Role.CLINICIAN, "is_active": True}
    held = Membership.objects.filter(**here, user__is_active=True).select_related("user").order_by("user_id").first()
    clinician = held.user if held else None
    if clinician is None:
        raise Conflict(
            f"Nobody can send cases for {participant.institution}: it has no API key with the actions "
            f"{' and '.join(ACTIONS)}, and no clinician. Issue a key to it, or choose another site (--site)."
        )
    return clinician


class _Clock:
    """Holds the rate, and knows when the first case after the onset was sent."""

    def __init__(self, rate: float, batch: int, onset: int) -> None:
        self.rate, self.batch, self.onset = rate, batch, onset
        self.onset_at: datetime | None = None

    def start(self) -> None:
        self.begun = time.monotonic()
        self._mark(0)

    def wait(self, sent: int) -> None:
        if self.rate > 0:
            time.sleep(max(0.0, self.begun + sent / self.rate - time.monotonic()))
        self._mark(sent)

    def _mark(self, sent: int) -> None:
        """The next batch holds the cases `sent` to `sent + batch - 1`."""
        if self.onset_at is None and sent + self.batch > self.onset:
            self.onset_at = timezone.now()


def _position(deployment: Deployment) -> int:
    counter = DeploymentCounter.objects.filter(deployment=deployment).first()
    return counter.outcomes if counter else 0


def _await_halt(deployment: Deployment, seconds: float) -> Halt | None:
    """The open halt; without one, wait until the monitor has folded everything."""
    until = time.monotonic() + seconds
    while True:
        halt = Halt.objects.open().filter(deployment=deployment).first()
        monitor = MonitorState.objects.filter(deployment=deployment).first()
        behind = _position(deployment) > (monitor.position if monitor else 0)
        if halt is not None or not behind or time.monotonic() > until:
            return halt
        time.sleep(0.2)
