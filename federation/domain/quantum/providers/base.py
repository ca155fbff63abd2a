"""What every provider's client can do, how a task is handed in exactly once, and how one that is wanted no more ends.

A worker may be killed between sending a request and noting the answer. So every task has a key that is made from
what asked for it, never at random; the key travels with the task, and before a task is handed in again the provider is
asked whether it already has it. The same key finds it again to be cancelled, also where its id was never noted.
"""

from __future__ import annotations

import math
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from typing import Protocol

from federation.domain.quantum.devices import find
from federation.domain.quantum.providers.errors import (
    MalformedAnswer,
    RequestRefused,
    Transient,
)
from federation.domain.quantum.providers.program import Counts, Program

MENDED_SECONDS = 900.0  # between two looks while somebody has to mend something


class State(StrEnum):
    WAITING = "waiting"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    CANCELLED = "cancelled"


@dataclass(frozen=True)
class Progress:
    """Where a task stands at the provider; `note` is the provider's own words on it, if it said any.

    A word for it that is new to us counts as running, so that nothing is given up that may still end well; it is not
    `known` then.
    """

    state: State
    note: str = ""
    known: bool = True

    @classmethod
    def unknown(cls, word: str) -> Progress:
        return cls(State.RUNNING, f"The provider calls it {word[:60]!r}, which is not known here.", known=False)


@dataclass(frozen=True)
class Batch:
    """What a result must match: so many programs of so many qubits, each run so many times."""

    n_programs: int
    n_qubits: int
    shots: int


class Client(Protocol):
    """A provider's machine."""

    device: str
    machine: str  # the provider's name of it
    max_programs: int  # in one task

    def find(self, key: str) -> list[str]:
        """The provider's ids of the tasks with this key: none, one, or more if it took the same twice."""
        ...

    def submit(self, programs: Sequence[Program], *, shots: int, key: str) -> str:
        """Hand in one task and return the provider's id of it."""
        ...

    def progress(self, task: str) -> Progress: ...

    def counts(self, task: str, batch: Batch) -> list[Counts]:
        """What was measured, a program each; `batch` says what was asked."""
        ...

    def cancel(self, task: str) -> RequestRefused | None:
        """Ask for the end of a task. The refusal, if the provider refuses, as it does for one that has ended."""
        ...


def open_client(device: str, environ: Mapping[str, str] = os.environ) -> Client:
    """The client of a cloud device, with credentials out of the environment.

    Raises
    ------
    DeviceError
        If the device is unknown or local, or credentials are missing.
    """
    from federation.domain.quantum.providers.azure import AzureClient
    from federation.domain.quantum.providers.ibm import IbmClient

    spec = find(device)
    clients: dict[str, type[IbmClient] | type[AzureClient]] = {"ibm": IbmClient, "azure": AzureClient}
    if spec.name not in clients:
        raise ValueError(f"expected a device of a provider ({', '.join(clients)}), got {device!r}, which runs here")
    spec.require_credentials(environ)
    return clients[spec.name].from_environment(environ)


def batches(n_programs: int, *, n_qubits: int, shots: int, size: int) -> list[Batch]:
    """How so many programs are split into tasks of at most `size`."""
    return [Batch(min(size, n_programs - start), n_qubits, shots) for start in range(0, n_programs, size)]


@dataclass(frozen=True)
class HandedIn:
    """One of `total` tasks lies at the provider under `task`; it holds so many circuits."""

    task: str
    circuits: int
    total: int


def key_of(tag: str, number: int) -> str:
    """What the provider knows task `number` by; `tag` is made from what asks for it, the same for the same request."""
    return f"{tag}-{number}"


def hand_in(client: Client, programs: Sequence[Program], number: int, *, shots: int, tag: str) -> HandedIn:
    """Hand in task `number` of those that `programs` make. Called again with the same tag, nothing is doubled."""
    start, key = number * client.max_programs, key_of(tag, number)
    part = programs[start : start + client.max_programs]
    found = client.find(key)
    if not found:
        try:
            found = [client.submit(part, shots=shots, key=key)]
        except RequestRefused:  # a provider that has it already refuses it a second time
            if not (found := client.find(key)):
                raise
    return HandedIn(found[0], len(part), math.ceil(len(programs) / client.max_programs))


def took_nothing(error: Exception) -> bool:
    """Whether a first attempt that ended so left nothing at the provider: it said no, or was never reached."""
    return not isinstance(error, Transient | MalformedAnswer)


def look_later(error: Exception) -> float:
    """Seconds after which to look again at tasks that are handed in, whatever a look met.

    What is refused or missing can be mended, an answer that cannot be read may be whole the next time, and the result
    lies at the provider, paid for, all the while.
    """
    return error.retry_after_seconds if isinstance(error, Transient) else MENDED_SECONDS


def look(client: Client, tasks: Sequence[str], done: set[str]) -> Progress:
    """The state of all tasks as one. Those after the first that is not done are not asked for.

    Parameters
    ----------
    done : set of str
        Tasks that are known to be done and so not asked for; added to, also if the look is cut off by an error. With
        many tasks a provider may allow fewer questions than a look has, which then goes on where it stopped.
    """
    for task in tasks:
        if task in done:
            continue
        found = client.progress(task)
        if found.state != State.DONE:
            return _among(tasks, done, found)
        done.add(task)
    return Progress(State.DONE)


def _among(tasks: Sequence[str], done: set[str], found: Progress) -> Progress:
    """Where one of several tasks stands, with how many are done."""
    if len(tasks) == 1 or found.state not in {State.WAITING, State.RUNNING}:
        return found
    said = f"{len(done)} of {len(tasks)} tasks done" + ("" if found.known else f". {found.note}")
    return Progress(State.RUNNING if done else found.state, said, found.known)


def collect(client: Client, tasks: Sequence[str], n_programs: int, *, n_qubits: int, shots: int) -> list[Counts]:
    """The counts of all tasks that were handed in, a program each. Cut off, it goes on where it stopped."""
    parts = batches(n_programs, n_qubits=n_qubits, shots=shots, size=client.max_programs)
    kept = _collected(client.device, *tasks)
    for task, part in zip(tasks, parts, strict=True):
        if task not in kept:
            kept[task] = client.counts(task, part)
    found = [seen for task in tasks for seen in kept[task]]
    kept.clear()
    return found


@lru_cache(maxsize=4)  # runs: more at once are fetched anew
def _collected(*run: str) -> dict[str, list[Counts]]:
    """What has been fetched of a run. In memory alone: a worker that starts again asks for it all once more."""
    return {}


def checked(device: str, counts: list[Counts], batch: Batch) -> list[Counts]:
    """The counts, if they are what was asked for.

    Raises
    ------
    MalformedAnswer
        If programs, bits or shots are missing or too many.
    """
    wrong = ""
    if len(counts) != batch.n_programs:
        wrong = f"{len(counts)} programs"
    for seen in counts:
        if any(len(bits) != batch.n_qubits or set(bits) - {"0", "1"} for bits in seen):
            wrong = f"bits like {next(iter(seen))!r}"
        elif any(times < 0 for times in seen.values()) or sum(seen.values()) != batch.shots:
            wrong = f"{sum(seen.values())} shots"
    if wrong:
        raise MalformedAnswer(
            device, expected=f"{batch.n_programs} programs of {batch.n_qubits} bits and {batch.shots} shots", got=wrong,
            remedy="Nothing was taken from this result. Order the run again, or ask the provider.",
        )  # fmt: skip
    return counts
