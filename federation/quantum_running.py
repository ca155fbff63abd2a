"""Runs on devices, moved on by jobs: hand in, look, look again, take the result. Nothing waits, anything may die.

A check of a device runs here, with the platform's own key and no patient's data. An evaluation runs at the site, by
orders to its worker, because the patients' encoded features are there. Both are handed in under a tag made from the
row's id, so a worker that was killed between handing in and noting it finds its task again.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable
from datetime import timedelta
from typing import Any

from django.utils import timezone

from core import jobs
from core.context import governed
from federation import mailbox
from federation.domain.messages import digest
from federation.domain.quantum import device_facts
from federation.domain.quantum.device_errors import DeviceError
from federation.domain.quantum.device_figures import Figures
from federation.domain.quantum.devices import find
from federation.domain.quantum.providers import base
from federation.domain.quantum.providers.errors import Transient
from federation.domain.quantum.providers.program import Program
from federation.models import QuantumJob, Round, SiteOrder

State = QuantumJob.State
FIRST_LOOK_SECONDS, LONGEST_PAUSE_SECONDS = 5.0, 300.0
GIVE_UP_AFTER = timedelta(days=7)
_SEEN = {"waiting": State.SUBMITTED, "running": State.RUNNING}


def begin(job: QuantumJob, *, number: int = 0, delay_seconds: float = 0) -> None:
    """Ask for the handing in, in the caller's transaction."""
    payload = {"job": str(job.id), "number": number}
    jobs.enqueue("quantum.submit", payload, key=f"quantum.submit:{job.id}:{number}", delay_seconds=delay_seconds)


@jobs.handles("quantum.submit")
def submit(payload: dict) -> jobs.Effects | None:
    job, number = QuantumJob.objects.get(id=payload["job"]), payload["number"]
    if job.state != State.QUEUED:
        return None
    if job.participant_id:
        return lambda: _ask_site(job, "device_submit", number)
    return _told(job, number, lambda: _submit_here(job))


def _submit_here(job: QuantumJob) -> jobs.Effects:
    from federation.domain.quantum.device_work import run_here

    programs = _programs(job)
    if not find(job.device).needs_consent:
        counts, made = run_here(job.device, programs, shots=job.shots, seed=seed_of(job), noise=job.noise_model)
        result = _judged(job, counts, made)
        return lambda: _finished(job, result, machine="the platform's own machine")
    client = base.open_client(job.device)
    tasks = base.submit_once(client, programs, shots=job.shots, tag=job.tag)
    return lambda: _handed_in(job, tasks, client.machine)


@jobs.handles("quantum.poll")
def poll(payload: dict) -> jobs.Effects | None:
    job, number = QuantumJob.objects.get(id=payload["job"]), payload["number"]
    if not job.is_open:
        return None
    if job.submitted_at and timezone.now() - job.submitted_at > GIVE_UP_AFTER:
        return lambda: _failed(job, f"the provider had not finished after {GIVE_UP_AFTER.days} days")
    if job.participant_id:
        return lambda: _ask_site(job, "device_poll", number)
    return _told(job, number, lambda: _look(job, number), polling=True)


def _look(job: QuantumJob, number: int) -> jobs.Effects:
    client = base.open_client(job.device)
    found = base.look(client, job.provider_tasks)
    if found.state != base.State.DONE:
        return lambda: _stands(job, found.state.value, found.note, number)
    counts = base.collect(client, job.provider_tasks, job.circuits, n_qubits=job.qubits, shots=job.shots)
    made = device_facts.of_programs(_programs(job), device=job.device, machine=job.machine, shots=job.shots)
    result = _judged(job, counts, made)
    return lambda: _finished(job, result)


def _programs(job: QuantumJob) -> list[Program]:
    from federation.domain.quantum.device_checks import check_programs

    return check_programs(job.purpose, job.qubits, seed=seed_of(job))  # type: ignore[arg-type]


def _judged(job: QuantumJob, counts: list[dict[str, int]], made: dict[str, Any]) -> dict[str, Any]:
    from federation.domain.quantum.device_checks import read_check

    return read_check(job.purpose, counts, job.qubits, seed=seed_of(job), made=made)  # type: ignore[arg-type]


@jobs.handles("quantum.cancel")
def cancel(payload: dict) -> jobs.Effects | None:
    """Tell the provider too. The row is cancelled already; a provider that is away is told again."""
    job = QuantumJob.objects.get(id=payload["job"])
    if job.participant_id:
        return lambda: _ask_site(job, "device_cancel", 0)
    client = base.open_client(job.device)
    for task in job.provider_tasks:
        client.cancel(task)
    return None


def order_answered(payload: dict) -> jobs.Effects | None:
    """A site handed in, or looked, or could not."""
    order = SiteOrder.objects.get(id=payload["order"])
    job, number = QuantumJob.objects.get(id=order.subject), int(order.body["number"])

    def effects() -> None:
        answer = order.answer or {}
        if order.state == SiteOrder.State.FAILED:
            _failed(job, order.error)
        elif answer.get("state") == "later":
            _later(job, str(answer.get("note")), float(answer["retry_after_seconds"]), number, order.kind)
        elif "result" in answer:
            try:
                result = _as_ordered(job, answer["result"])
            except ValueError as error:
                _failed(job, f"{order.participant_id}: {error}")
                return
            _finished(job, result, machine=str(answer.get("machine", "")))
        elif order.kind == "device_submit":
            _handed_in(job, [str(task) for task in answer["tasks"]], str(answer["machine"]))
        else:
            _stands(job, str(answer.get("state")), str(answer.get("note", "")), number)

    return effects


def _as_ordered(job: QuantumJob, raw: Any) -> dict[str, Any]:
    """The figures of a site, if they were made under the noise, and with the mitigation, that was ordered."""
    found = Figures.from_dict(raw)
    noise, wanted = found.facts.get("noise"), job.noise
    if (noise and noise["sha256"]) != (wanted and wanted["sha256"]):
        raise ValueError(
            f"expected figures under {wanted['name'] if wanted else 'no noise model'}, got "
            f"{noise['name'] if noise else 'none'}; bring the site's software up to date"
        )
    if bool(found.mitigated) != bool(job.mitigation):
        raise ValueError(
            "expected figures with readout mitigation exactly if it was ordered; update the site's software"
        )
    return found.as_dict()


def given_up(payload: dict) -> jobs.Effects | None:
    """A job of ours is dead (it failed in a way that nobody foresaw): the row says so instead of waiting for ever."""
    if not str(payload.get("kind", "")).startswith("quantum.") or payload["kind"] == "quantum.cancel":
        return None
    job = QuantumJob.objects.get(id=payload["payload"]["job"])
    return lambda: _failed(job, f"it was given up: {payload['error']}")


def seed_of(job: QuantumJob) -> int:
    """Made from the row's id: what is run again is the same circuits."""
    return job.id.int % 2**31


def cancel_at_provider(job: QuantumJob) -> None:
    if job.provider_tasks and find(job.device).needs_consent:
        jobs.enqueue("quantum.cancel", {"job": str(job.id)}, key=f"quantum.cancel:{job.id}", max_attempts=20)


def _told(job: QuantumJob, number: int, work: Callable[[], jobs.Effects], *, polling: bool = False) -> jobs.Effects:
    """Turn what a provider or device refuses into the state of the row; all else is the job's own error."""
    try:
        return work()
    except Transient as error:
        said, wait = str(error), error.retry_after_seconds
        return lambda: _later(job, said, wait, number, "device_poll" if polling else "device_submit")
    except (DeviceError, ValueError) as error:
        refusal = str(error)
        return lambda: _failed(job, refusal)


def _ask_site(job: QuantumJob, kind: str, number: int) -> None:
    run, done = job.run, job.run.rounds.filter(state=Round.State.DONE).last()  # type: ignore[union-attr]
    wanted = job.health_check.machine if job.health_check else (job.mitigation or {}).get("machine", "")
    mailbox.order_create(
        participant=job.participant, kind=kind, key=f"quantum:{job.id}:{kind}:{number}", subject=job.id,  # type: ignore[arg-type]
        body={
            "run": str(run.id), "number": number, "device": job.device, "machine": wanted, "shots": job.shots,  # type: ignore[union-attr]
            "patients": job.circuits, "noise": job.noise, "mitigation": job.mitigation,
            "tag": job.tag, "seed": seed_of(job), "tasks": job.provider_tasks, "config": run.config,  # type: ignore[union-attr]
            "config_hash": run.config_hash, "consent": str(job.consent_id or ""),  # type: ignore[union-attr]
        },
        attachments={} if kind == "device_cancel" else done.weights,  # type: ignore[union-attr]
    )  # fmt: skip


def _locked(job_id: uuid.UUID) -> QuantumJob:
    return QuantumJob.objects.select_for_update().get(id=job_id)


def _save(job: QuantumJob, *, action: str, **changes: Any) -> None:
    with governed(action=action):
        for name, value in changes.items():
            setattr(job, name, value)
        job.save(update_fields=list(changes))


def _handed_in(job: QuantumJob, tasks: list[str], machine: str) -> None:
    row = _locked(job.id)
    if row.state == State.CANCELLED:  # while it was being handed in
        _save(row, action="quantum.submit", provider_tasks=tasks, machine=machine, submitted_at=timezone.now())
        cancel_at_provider(row)
    elif row.state == State.QUEUED:
        _save(
            row, action="quantum.submit", state=State.SUBMITTED, provider_tasks=tasks, machine=machine, note="",
            submitted_at=timezone.now(),
        )  # fmt: skip
        _look_again(row, 0, FIRST_LOOK_SECONDS)


def _stands(job: QuantumJob, state: str, note: str, number: int) -> None:
    row = _locked(job.id)
    if not row.is_open:
        return
    if state in _SEEN:
        _save(row, action="quantum.poll", state=_SEEN[state], note=note, polled_at=timezone.now())
        _look_again(row, number + 1, min(LONGEST_PAUSE_SECONDS, FIRST_LOOK_SECONDS * 1.5 ** min(number, 12)))
    elif state == "cancelled":
        _save(row, action="quantum.poll", state=State.CANCELLED, finished_at=timezone.now(),
              error=f"cancelled at the provider. {note}".strip())  # fmt: skip
    else:
        _failed(row, f"the provider says that it failed: {note or 'no reason given'}")


def _later(job: QuantumJob, note: str, wait: float, number: int, kind: str) -> None:
    """The provider is away or wants to be asked less often."""
    row = _locked(job.id)
    if not row.is_open:
        return
    wait = min(3600.0, max(1.0, wait))
    _save(row, action="quantum.wait", note=note, polled_at=timezone.now())
    if kind == "device_poll":
        _look_again(row, number + 1, wait)
    elif timezone.now() - row.created_at > GIVE_UP_AFTER:
        _failed(row, f"it could not be handed in for {GIVE_UP_AFTER.days} days: {note}")
    else:
        begin(row, number=number + 1, delay_seconds=wait)


def _look_again(job: QuantumJob, number: int, wait: float) -> None:
    payload = {"job": str(job.id), "number": number}
    jobs.enqueue("quantum.poll", payload, key=f"quantum.poll:{job.id}:{number}", delay_seconds=wait)


def _finished(job: QuantumJob, result: dict[str, Any], machine: str = "") -> None:
    row = _locked(job.id)
    if row.is_open:
        now = timezone.now()
        _save(
            row, action="quantum.finish", state=State.FINISHED, result=result, result_digest=digest(result), note="",
            machine=machine or row.machine, submitted_at=row.submitted_at or now, finished_at=now,
        )  # fmt: skip


def _failed(job: QuantumJob, error: str) -> None:
    row = _locked(job.id)
    if row.is_open:
        _save(row, action="quantum.fail", state=State.FAILED, error=error[:2000], note="", finished_at=timezone.now())
