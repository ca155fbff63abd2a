"""How tasks that are wanted no more end: cancelled where they still wait or run, and asked after until that is known.

What ends a run may be the very fault that kept its tasks' ids from being noted. So a task is also looked for under its
key, and whatever of a run cannot be told is said as a note, never raised: it is asked again.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from federation.domain.quantum.device_errors import DeviceError
from federation.domain.quantum.providers.base import Client, State, key_of, open_client
from federation.domain.quantum.providers.errors import AccessRefused, Transient

OPEN = (State.WAITING, State.RUNNING)
_WORST = (*OPEN, State.DONE, State.FAILED, State.CANCELLED)  # of a task that the provider took twice: what costs most


@dataclass(frozen=True)
class Fate:
    """Where a task stands after its end was asked for; no `task` and no `state` if the provider knows none."""

    number: int
    task: str = ""
    state: State | None = None


@dataclass(frozen=True)
class Ended:
    """What became of a run's tasks, as far as it could be learned; `note` says why not further."""

    fates: tuple[Fate, ...] = ()
    note: str = ""
    retry_after_seconds: float = 0.0  # as the provider said; 0 if it said nothing

    def as_dict(self) -> dict[str, Any]:
        fates = [[fate.number, fate.task, fate.state.value if fate.state else ""] for fate in self.fates]
        return {"fates": fates, "note": self.note, "retry_after_seconds": self.retry_after_seconds}

    @classmethod
    def from_dict(cls, raw: Mapping[str, Any]) -> Ended:
        """Read what `as_dict` wrote. Raises ValueError on anything else."""
        try:
            fates = tuple(
                Fate(int(number), str(task)[:200], State(state) if state else None)
                for number, task, state in raw["fates"]
            )
            return cls(fates, str(raw["note"])[:2000], float(raw["retry_after_seconds"]))
        except (KeyError, TypeError, ValueError) as error:
            raise ValueError("expected what became of each task: its number, id and state") from error


def end_tasks(device: str, tag: str, tasks: Sequence[tuple[int, str]]) -> Ended:
    """Cancel tasks and say what became of each.

    Parameters
    ----------
    tag : str
        That under which they were handed in.
    tasks : sequence of (int, str)
        Number and the provider's id; an empty id where it is not known whether the provider has it.
    """
    fates, note = [], ""
    try:
        client = open_client(device)
    except DeviceError as error:
        return Ended(note=str(error))
    for number, task in tasks:
        try:
            fates.append(_end(client, tag, number, task))
        except (Transient, AccessRefused) as error:  # the next would meet the same
            return Ended(tuple(fates), str(error), getattr(error, "retry_after_seconds", 0.0))
        except DeviceError as error:
            note = note or str(error)
    return Ended(tuple(fates), note)


def _end(client: Client, tag: str, number: int, known: str) -> Fate:
    states = {known: _cancelled(client, known)} if known else {}
    for task in client.find(key_of(tag, number)):
        if task not in states:
            states[task] = _cancelled(client, task)
    return Fate(number, next(iter(states)), min(states.values(), key=_WORST.index)) if states else Fate(number)


def _cancelled(client: Client, task: str) -> State:
    refused, found = client.cancel(task), client.progress(task)
    if refused is None or found.state not in OPEN:
        return found.state
    if found.known:
        raise refused
    return State.FAILED  # what the provider will not cancel has ended, under a word of its own
