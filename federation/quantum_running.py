"""Runs on devices, moved on by jobs: hand in, look, look again, take the result. Nothing waits, anything may die.

A check of a device runs here, with the platform's own key and no patient's data. An evaluation runs at the site, by
orders to its worker, because the patients' encoded features are there. Both are handed in under a tag made from the
row's id, so a worker that was killed between handing in and noting it finds its task again. Each task is a row before
it is sent and a run that ends without its result has them all cancelled (`quantum_tasks`).
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

from django.db import transaction
from django.utils import timezone

from core import jobs
from core.context import governed
from federation import mailbox, quantum_tasks
from federation.domain.messages import digest
from federation.domain.quantum import device_facts
from federation.domain.quantum.device_errors import DeviceError
from federation.domain.quantum.device_figures import Figures
from federation.domain.quantum.devices import find
from federation.domain.quantum.providers import base
from federation.domain.quantum.providers.base import HandedIn
from federation.domain.quantum.providers.ending import Ended, end_tasks
from federation.domain.quantum.providers.errors import Transient
from federation.domain.quantum.providers.program import Program
from federation.models import QuantumJob, Round, SiteOrder
from federation.quantum_admission import not_wanted_any_more
from federation.quantum_tasks import locked

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
    if why := not_wanted_any_more(job):
        return lambda: _stopped(job, why)
    if job.participant_id:
        return lambda: _ask_to_hand_in(job, number)
    return _told(job, number, lambda: _submit_here(job))


def _submit_here(job: QuantumJob) -> jobs.Effects:
    from federation.domain.quantum.device_work import run_here

    programs = _programs(job)
    if not find(job.device).needs_consent:
        counts, made = run_here(job.device, programs, shots=job.shots, seed=seed_of(job), noise=job.noise_model)
        result = _judged(job, counts, made)
        return lambda: _finished(job, result, machine="the platform's own machine")
    client = base.open_client(job.device)
    while (sent := quantum_tasks.intend(job)) is not None:  # none any more once it was cancelled
        task, fresh = sent
        try:
            handed = base.hand_in(client, programs, task.number, shots=job.shots, tag=job.tag)
        except (DeviceError, ValueError) as error:
            if fresh and base.took_nothing(error):
                quantum_tasks.refused(job, task.number)
            raise
        with transaction.atomic():
            _handed_in(job, task.number, handed, client.machine)
    return lambda: None


@jobs.handles("quantum.poll")
def poll(payload: dict) -> jobs.Effects | None:
    job, number = QuantumJob.objects.get(id=payload["job"]), payload["number"]
    if not job.is_open:
        return None
    if why := not_wanted_any_more(job):
        return lambda: _stopped(job, why)
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
    """Tell the provider too. The row has ended already; what is not known to have ended there is asked for again."""
    job, asked = QuantumJob.objects.get(id=payload["job"]), payload["asked"]
    wanted = list(job.tasks.unsettled().values_list("number", "provider_id"))
    if not wanted:
        return None
    if job.participant_id:
        return lambda: _ask_site(job, "device_cancel", asked, ask=payload["ask"], tasks=wanted)
    ended = end_tasks(job.device, job.tag, wanted)
    return lambda: quantum_tasks.ended(job, ended, asked)


def order_answered(payload: dict) -> jobs.Effects | None:
    """A site handed in, or looked, or could not."""
    order = SiteOrder.objects.get(id=payload["order"])
    job = QuantumJob.objects.get(id=order.subject)

    def effects() -> None:
        if order.kind == "device_submit":
            quantum_tasks.may_be_sent(job)
        if order.state == SiteOrder.State.FAILED:
            _failed(job, order.error)
            return
        try:
            _take(job, order, order.answer or {})
        except (KeyError, TypeError, ValueError) as error:
            _failed(job, f"{order.participant_id}: {error}")

    return effects


def _take(job: QuantumJob, order: SiteOrder, answer: dict[str, Any]) -> None:
    number, state = int(order.body["number"]), str(answer.get("state", ""))
    if state == "later":
        _later(job, str(answer.get("note")), float(answer["retry_after_seconds"]), number, order.kind)
    elif "result" in answer:
        _finished(job, _as_ordered(job, answer["result"]), machine=str(answer.get("machine", ""))[:80])
    elif order.kind == "device_poll":
        _stands(job, state, str(answer.get("note", "")), number)
    elif state == "refused":
        if answer.get("took_nothing") and order.body.get("fresh") and order.sends < 2:
            quantum_tasks.refused(job, order.body["task"])
        _failed(job, str(answer.get("note")))
    else:
        handed = HandedIn(str(answer["task"]), int(answer["circuits"]), int(answer["total"]))
        _handed_in(job, order.body["task"], handed, str(answer["machine"])[:80], number)


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
    if not str(payload.get("kind", "")).startswith("quantum."):
        return None
    told, error = payload["payload"], payload["error"]
    job = QuantumJob.objects.get(id=told["job"])
    if payload["kind"] == "quantum.cancel":
        return lambda: quantum_tasks.ended(job, Ended(note=error), told["asked"])
    return lambda: _failed(job, f"it was given up: {error}")


def seed_of(job: QuantumJob) -> int:
    """Made from the row's id: what is run again is the same circuits."""
    return job.id.int % 2**31


def _told(job: QuantumJob, number: int, work: Callable[[], jobs.Effects], *, polling: bool = False) -> jobs.Effects:
    """Turn what a provider or device refuses into the state of the row; all else is the job's own error."""
    try:
        return work()
    except (DeviceError, ValueError) as error:
        said, kind = str(error), "device_poll" if polling else "device_submit"
        wait = base.look_later(error) if polling or isinstance(error, Transient) else None
        if wait is None:
            return lambda: _failed(job, said)
        seconds = wait
        return lambda: _later(job, said, seconds, number, kind)


def _ask_to_hand_in(job: QuantumJob, number: int) -> None:
    """One task an order, so that each is noted here before the next is handed in."""
    if not find(job.device).needs_consent:
        _ask_site(job, "device_submit", number)
    elif (sent := quantum_tasks.intend(job)) is not None:
        task, fresh = sent
        _ask_site(job, "device_submit", number, task=task.number, fresh=fresh)


def _ask_site(job: QuantumJob, kind: str, number: int, *, ask: str = "", **more: Any) -> None:
    run, done = job.run, job.run.rounds.filter(state=Round.State.DONE).last()  # type: ignore[union-attr]
    wanted = job.machine or (
        job.health_check.machine if job.health_check else (job.mitigation or {}).get("machine", "")
    )
    mailbox.order_create(
        participant=job.participant, kind=kind, key=f"quantum:{job.id}:{kind}:{ask or number}", subject=job.id,  # type: ignore[arg-type]
        body={
            "run": str(run.id), "number": number, "device": job.device, "machine": wanted, "shots": job.shots,  # type: ignore[union-attr]
            "patients": job.circuits, "noise": job.noise, "mitigation": job.mitigation,
            "tag": job.tag, "seed": seed_of(job), "tasks": job.provider_tasks, "config": run.config,  # type: ignore[union-attr]
            "config_hash": run.config_hash, "consent": str(job.consent_id or ""),  # type: ignore[union-attr]
            "circuits": _circuits_of(job), **more,
        },
        attachments={} if kind == "device_cancel" else done.weights,  # type: ignore[union-attr]
    )  # fmt: skip


def _circuits_of(job: QuantumJob) -> str:
    """The digest of the circuits that the site handed in first: the later orders are about the same patients."""
    first = SiteOrder.objects.filter(
        subject=job.id, kind="device_submit", answer__circuits_digest__isnull=False
    ).first()
    return first.answer["circuits_digest"] if first and first.answer else ""


def _save(job: QuantumJob, *, action: str, **changes: Any) -> None:
    with governed(action=action):
        for name, value in changes.items():
            setattr(job, name, value)
        job.save(update_fields=list(changes))


def _handed_in(job: QuantumJob, task: int, handed: HandedIn, machine: str, number: int = 0) -> None:
    row, now = locked(job.id), timezone.now()
    with governed(action="quantum.submit"):
        quantum_tasks.arrived(row, task, handed)
        changes: dict[str, Any] = {"machine": machine, "submitted_at": row.submitted_at or now, "note": row.note}
        last = task + 1 >= handed.total
        if row.state == State.QUEUED:
            changes["note"] = "" if last else f"{task + 1} of {handed.total} tasks are handed in"
            changes["state"] = State.SUBMITTED if last else State.QUEUED
        _save(row, action="quantum.submit", **changes)
    if row.state == State.SUBMITTED:
        _look_again(row, 0, FIRST_LOOK_SECONDS)
    elif row.state == State.QUEUED and row.participant_id:
        begin(row, number=number + 1)
    elif not row.is_open:  # it ended while this was being handed in
        quantum_tasks.end_at_provider(row)


def _stands(job: QuantumJob, state: str, note: str, number: int) -> None:
    row = locked(job.id)
    if not row.is_open:
        return
    if state in _SEEN:
        _save(row, action="quantum.poll", state=_SEEN[state], note=note, polled_at=timezone.now())
        _look_again(row, number + 1, min(LONGEST_PAUSE_SECONDS, FIRST_LOOK_SECONDS * 1.5 ** min(number, 12)))
    elif state == "cancelled":
        _save(row, action="quantum.poll", state=State.CANCELLED, finished_at=timezone.now(),
              error=f"cancelled at the provider. {note}".strip())  # fmt: skip
        quantum_tasks.end_at_provider(row)
    else:
        _failed(row, f"the provider says that it failed: {note or 'no reason given'}")


def _later(job: QuantumJob, note: str, wait: float, number: int, kind: str) -> None:
    """The provider is away or wants to be asked less often."""
    row = locked(job.id)
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
    row = locked(job.id)
    if row.is_open:
        now = timezone.now()
        with governed(action="quantum.finish"):
            quantum_tasks.done(row)
        _save(
            row, action="quantum.finish", state=State.FINISHED, result=result, result_digest=digest(result), note="",
            machine=machine or row.machine, submitted_at=row.submitted_at or now, finished_at=now,
        )  # fmt: skip


def _stopped(job: QuantumJob, why: str) -> None:
    row = locked(job.id)
    if row.is_open:
        _save(row, action="quantum.stop", state=State.CANCELLED, error=why, note="", finished_at=timezone.now())
        quantum_tasks.end_at_provider(row)


def _failed(job: QuantumJob, error: str) -> None:
    row = locked(job.id)
    if row.is_open:
        _save(row, action="quantum.fail", state=State.FAILED, error=error[:2000], note="", finished_at=timezone.now())
        quantum_tasks.end_at_provider(row)
