"""Runs on devices, moved on by jobs: hand in, look, look again, take the result. Nothing waits, anything may die.

A check of a device runs here, with the platform's own key and no patient's data. An evaluation runs at the site, by
orders to its worker, because the patients' encoded features are there. Both are handed in under a tag made from the
row's id, so a worker that was killed between handing in and noting it finds its task again. Each task is a row before
it is sent and a run that ends without its result has them all cancelled (`quantum_tasks`). How the row moves on is
`quantum_states`, what a site is asked and answers `quantum_sites`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.db import transaction

from core import jobs
from federation import quantum_sites, quantum_tasks
from federation.domain.quantum import device_facts
from federation.domain.quantum.device_errors import DeviceError
from federation.domain.quantum.devices import find
from federation.domain.quantum.providers import base
from federation.domain.quantum.providers.base import HandedIn
from federation.domain.quantum.providers.ending import Ended, end_tasks
from federation.domain.quantum.providers.errors import Transient
from federation.domain.quantum.providers.program import Program
from federation.models import QuantumJob, SiteOrder
from federation.quantum_admission import not_wanted_any_more
from federation.quantum_sites import seed_of
from federation.quantum_states import begin as begin  # who orders a run begins it here
from federation.quantum_states import failed, finished, handed_in, later, overdue, stands, stopped, watch

State = QuantumJob.State


@jobs.handles("quantum.submit")
def submit(payload: dict) -> jobs.Effects | None:
    job, number = QuantumJob.objects.get(id=payload["job"]), payload["number"]
    if job.state != State.QUEUED:
        return None
    if why := not_wanted_any_more(job):
        return lambda: stopped(job, why)
    if job.participant_id:
        return lambda: quantum_sites.ask_to_hand_in(job, number)
    return _told(job, number, lambda: _submit_here(job))


def _submit_here(job: QuantumJob) -> jobs.Effects:
    from federation.domain.quantum.device_work import run_here

    programs = _programs(job)
    if not find(job.device).needs_consent:
        counts, made = run_here(job.device, programs, shots=job.shots, seed=seed_of(job), noise=job.noise_model)
        result = _judged(job, counts, made)
        return lambda: finished(job, result, machine="the platform's own machine")
    client = base.open_client(job.device)
    while (sent := quantum_tasks.intend(job)) is not None:  # none any more once it was cancelled
        task, fresh = sent
        try:
            handed = base.hand_in(client, programs, task.number, shots=job.shots, tag=job.tag)
        except (DeviceError, ValueError) as error:
            if fresh and base.took_nothing(error):
                quantum_tasks.refused(job, task.number)
            raise
        _handed_in(job, task.number, handed, client.machine)
    return lambda: None


def _handed_in(job: QuantumJob, task: int, handed: HandedIn, machine: str) -> None:
    """Noted at once, before the next is sent."""
    with transaction.atomic():
        handed_in(job, task, handed, machine)


@jobs.handles("quantum.poll")
def poll(payload: dict) -> jobs.Effects | None:
    job, number = QuantumJob.objects.get(id=payload["job"]), payload["number"]
    if not job.is_open:
        return None
    if why := not_wanted_any_more(job):
        return lambda: stopped(job, why)
    if why := overdue(job):
        return lambda: failed(job, why)
    if job.participant_id:
        return lambda: quantum_sites.ask(job, "device_poll", number)
    done = quantum_tasks.known_done(job)
    move = _looked(job, number, done)

    def effects() -> None:
        move()
        quantum_tasks.seen_done(job, done)

    return effects


def _looked(job: QuantumJob, number: int, done: set[str]) -> jobs.Effects:
    """What a look makes of the row. Whatever it meets, the result lies at the provider: it is looked at again."""
    try:
        return _look(job, number, done)
    except (DeviceError, ValueError) as error:
        said, wait = str(error), base.look_later(error)
        return lambda: later(job, said, wait, number, "device_poll")


def _look(job: QuantumJob, number: int, done: set[str]) -> jobs.Effects:
    client = base.open_client(job.device)
    found = base.look(client, job.provider_tasks, done)
    if found.state != base.State.DONE:
        return lambda: stands(job, found.state.value, found.note, number)
    counts = base.collect(client, job.provider_tasks, job.circuits, n_qubits=job.qubits, shots=job.shots)
    made = device_facts.of_programs(_programs(job), device=job.device, machine=job.machine, shots=job.shots)
    result = _judged(job, counts, made)
    return lambda: finished(job, result)


@jobs.handles("device.watch")
def watch_ended(payload: dict) -> jobs.Effects | None:
    """The time that a silent site had is over, or has begun anew since, with the first task that was handed in."""
    job = QuantumJob.objects.get(id=payload["job"])
    if not job.is_open:
        return None
    why = overdue(job)
    return (lambda: failed(job, why)) if why else lambda: watch(job)


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
        return lambda: quantum_sites.ask(job, "device_cancel", asked, ask=payload["ask"], tasks=wanted)
    ended = end_tasks(job.device, job.tag, wanted)
    return lambda: quantum_tasks.ended(job, ended, asked)


def order_answered(payload: dict) -> jobs.Effects | None:
    """A site handed in, or looked, or could not."""
    order = SiteOrder.objects.get(id=payload["order"])
    job = QuantumJob.objects.get(id=order.subject)

    def effects() -> None:
        if order.kind == "device_submit":
            quantum_tasks.may_be_sent(job)
        quantum_sites.take(job, order)

    return effects


def given_up(payload: dict) -> jobs.Effects | None:
    """A job of ours is dead (it failed in a way that nobody foresaw): the row says so instead of waiting for ever.

    A dead look loses no result: it is taken up again when somebody may have mended what it died of.
    """
    kind, told, error = str(payload.get("kind", "")), payload.get("payload", {}), payload.get("error")
    if not kind.startswith(("quantum.", "device.watch")):
        return None
    job = QuantumJob.objects.get(id=told["job"])
    if kind == "quantum.cancel":
        return lambda: quantum_tasks.ended(job, Ended(note=str(error)), told["asked"])
    if kind == "quantum.submit":
        return lambda: failed(job, f"it was given up: {error}")
    if kind == "device.watch":
        return lambda: watch(job, least=base.MENDED_SECONDS)
    said = f"The look failed: {error}. Nothing is lost: have the platform mended, and look again."
    return lambda: later(job, said, base.MENDED_SECONDS, told["number"], "device_poll")


def _told(job: QuantumJob, number: int, work: Callable[[], jobs.Effects]) -> jobs.Effects:
    """Turn what a provider or device refuses into the state of the row; all else is the job's own error."""
    try:
        return work()
    except (DeviceError, ValueError) as error:
        said = str(error)
        if not isinstance(error, Transient):
            return lambda: failed(job, said)
        wait = error.retry_after_seconds
        return lambda: later(job, said, wait, number, "device_submit")
