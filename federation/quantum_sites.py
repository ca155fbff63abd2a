"""What the worker of a site is asked for a run on a device, and how its answers are taken: never on trust."""

from __future__ import annotations

from typing import Any

from federation import mailbox, quantum_states, quantum_tasks
from federation.domain.quantum.device_figures import Figures
from federation.domain.quantum.devices import find
from federation.domain.quantum.providers.base import MENDED_SECONDS, HandedIn
from federation.models import QuantumJob, Round, SiteOrder

# How the workers of before said on purpose that they do not look; those of now answer "refused".
REFUSALS = ("OrderRefused:", "NotApproved:", "NotForDevices:")


def ask_to_hand_in(job: QuantumJob, number: int) -> None:
    """One task an order, so that each is noted here before the next is handed in."""
    if not find(job.device).needs_consent:
        ask(job, "device_submit", number)
    elif (sent := quantum_tasks.intend(job)) is not None:
        task, fresh = sent
        ask(job, "device_submit", number, task=task.number, fresh=fresh)


def ask(job: QuantumJob, kind: str, number: int, *, ask: str = "", **more: Any) -> None:
    run, participant = job.run, job.participant
    if run is None or participant is None:
        raise ValueError(f"expected a run of a site's patients, got {job}, a check of the platform's")
    weights = run.rounds.filter(state=Round.State.DONE).latest("number").weights
    wanted = job.machine or (
        job.health_check.machine if job.health_check else (job.mitigation or {}).get("machine", "")
    )
    mailbox.order_create(
        participant=participant, kind=kind, key=f"quantum:{job.id}:{kind}:{ask or number}", subject=job.id,
        body={
            "run": str(run.id), "number": number, "device": job.device, "machine": wanted, "shots": job.shots,
            "patients": job.circuits, "noise": job.noise, "mitigation": job.mitigation,
            "tag": job.tag, "seed": seed_of(job), "tasks": job.provider_tasks, "config": run.config,
            "done": sorted(quantum_tasks.known_done(job)),
            "config_hash": run.config_hash, "consent": str(job.consent_id or ""),
            "circuits": _circuits_of(job), **more,
        },
        attachments={} if kind == "device_cancel" else weights,
    )  # fmt: skip
    if kind != "device_cancel":  # which is asked for without end by itself
        quantum_states.watch(job)


def take(job: QuantumJob, order: SiteOrder) -> None:
    """Move the row on by what the site says.

    A look that failed, or said what cannot be used, ends nothing: the result lies at the provider, paid for, and the
    site's worker can be mended. What it refuses on purpose is an answer ("refused"), not a failure.
    """
    number, answer = int(order.body["number"]), order.answer or {}
    try:
        if order.state == SiteOrder.State.FAILED:
            raise ValueError(order.error)
        _move(job, order, answer, number)
    except (ArithmeticError, KeyError, TypeError, ValueError) as error:
        said = order.error or f"{order.participant_id}: {error}"
        if order.kind == "device_poll" and not said.startswith(REFUSALS):
            kept = f"{said}. Nothing is lost: mend it at the site, and look again."
            quantum_states.later(job, kept, MENDED_SECONDS, number, order.kind)
        else:
            quantum_states.failed(job, said)
    if isinstance(answer.get("done"), list):
        quantum_tasks.seen_done(job, answer["done"])


def _move(job: QuantumJob, order: SiteOrder, answer: dict[str, Any], number: int) -> None:
    state, note = str(answer.get("state", "")), str(answer.get("note", ""))
    if state == "later":
        quantum_states.later(job, note, float(answer["retry_after_seconds"]), number, order.kind)
    elif "result" in answer:
        result = as_ordered(job, answer["result"])
        quantum_states.finished(job, result, machine=str(answer.get("machine", ""))[:80])
    elif state == "refused":
        if answer.get("took_nothing") and order.body.get("fresh") and order.sends < 2:
            quantum_tasks.refused(job, order.body["task"])
        quantum_states.failed(job, note)
    elif order.kind == "device_poll":
        quantum_states.stands(job, state, note, number)
    else:
        handed = HandedIn(str(answer["task"]), int(answer["circuits"]), int(answer["total"]))
        quantum_states.handed_in(job, order.body["task"], handed, str(answer["machine"])[:80], number)


def as_ordered(job: QuantumJob, raw: Any) -> dict[str, Any]:
    """The figures of a site, if they were made as was ordered. Raises ValueError if not."""
    found = Figures.from_dict(raw)
    made, wanted = found.facts, job.noise
    noise = made.get("noise")
    if (noise and noise["sha256"]) != (wanted and wanted["sha256"]):
        raise ValueError(
            f"expected figures under {wanted['name'] if wanted else 'no noise model'}, got "
            f"{noise['name'] if noise else 'none'}; bring the site's software up to date"
        )
    if bool(found.mitigated) != bool(job.mitigation):
        raise ValueError(
            "expected figures with readout mitigation exactly if it was ordered; update the site's software"
        )
    if (made.get("device"), made.get("shots"), found.shots) != (job.device, job.shots, job.shots):
        raise ValueError(
            f"expected figures of {job.device} with {job.shots} shots, got {made.get('device', 'no device')} with "
            f"{found.shots}; bring the site's software up to date"
        )
    if found.n > job.circuits:
        raise ValueError(
            f"expected figures of at most {job.circuits} patients, got {found.n}; bring the site's software up to date"
        )
    return found.as_dict()


def seed_of(job: QuantumJob) -> int:
    """Made from the row's id: what is run again is the same circuits."""
    return job.id.int % 2**31


def _circuits_of(job: QuantumJob) -> str:
    """The digest of the circuits that the site handed in first: the later orders are about the same patients."""
    first = SiteOrder.objects.filter(
        subject=job.id, kind="device_submit", answer__circuits_digest__isnull=False
    ).first()
    return first.answer["circuits_digest"] if first and first.answer else ""
