"""A site evaluates a trained classifier on a quantum device. The worker holds the key to the provider; figures leave.

Nothing is kept on disk between the orders: circuits follow from the order, and the provider's tasks from a tag in it,
so an order that is asked again after a crash hands in nothing twice. Each order hands in one task at most: the
platform notes it before it asks for the next.
"""

from __future__ import annotations

import os
from dataclasses import asdict
from typing import Any

from federation.domain.messages import Message
from federation.domain.quantum import device_facts
from federation.domain.quantum.device_errors import DeviceError
from federation.domain.quantum.devices import DeviceSpec, find
from federation.domain.quantum.noise import NoiseModel
from federation.domain.quantum.providers import base
from federation.domain.quantum.providers.ending import end_tasks
from federation.domain.quantum.providers.errors import Transient
from federation.site.handlers import Answer, OrderRefused, Site, Tell, frozen_config, handles, load_models

ALLOWED = "SITE_CLOUD_DEVICES"


@handles("device_submit")
def submit(site: Site, order: Message, tell: Tell) -> Answer:
    """Hand in the task that the order names, or run all circuits at once on a device of this machine."""
    from federation.domain.quantum.device_work import run_here

    try:
        spec, shots = _allowed(order), int(order.body["shots"])
        work = _Work(site, order)
        if not spec.needs_consent:
            noise = NoiseModel.from_dict(order.body["noise"]) if order.body.get("noise") else None
            counts, made = run_here(spec.name, work.programs, shots=shots, seed=int(order.body["seed"]), noise=noise)
            return {"machine": "the site's own machine", "result": work.figures(counts, made)}, {}
        return _hand_in(site, order, work, shots), {}
    except Transient as error:
        return _later(error, error.retry_after_seconds), {}
    except (DeviceError, OrderRefused) as error:
        return {"state": "refused", "note": str(error), "took_nothing": base.took_nothing(error)}, {}


def _hand_in(site: Site, order: Message, work: _Work, shots: int) -> dict[str, Any]:
    tag = str(order.body["tag"])
    if order.body.get("ended") or tag in site.ended:
        raise OrderRefused("the run had ended before its next task was handed in")
    client = base.open_client(str(order.body["device"]))
    _same_machine(order, client)
    handed = base.hand_in(client, work.programs, int(order.body["task"]), shots=shots, tag=tag)
    return {"machine": client.machine, "circuits_digest": work.digest, **asdict(handed)}


@handles("device_poll")
def poll(site: Site, order: Message, tell: Tell) -> Answer:
    """Say where the tasks stand; when they are done, what they say of the patients.

    Only what this site refuses on purpose ends the run. Any other failure is one of the moment: the result lies at the
    provider, paid for, and the platform asks for it again.
    """
    from federation.domain.quantum.device_work import NotForDevices

    done = {str(task) for task in order.body.get("done", ())}
    try:
        body = _look(site, order, done)
    except (OrderRefused, NotForDevices) as error:
        body = {"state": "refused", "note": str(error)}
    except DeviceError as error:
        body = _later(error, base.look_later(error))
    return {**body, "done": sorted(done)}, {}


def _look(site: Site, order: Message, done: set[str]) -> dict[str, Any]:
    spec, tasks = _allowed(order), list(order.body["tasks"])
    client = base.open_client(spec.name)
    found = base.look(client, tasks, done)
    if found.state != base.State.DONE:
        return {"state": found.state.value, "note": found.note}
    work, shots = _Work(site, order), int(order.body["shots"])
    counts = base.collect(client, tasks, len(work.programs), n_qubits=work.programs[0].n_qubits, shots=shots)
    machine = str(order.body.get("machine") or client.machine)  # which it was handed in to, whatever is set by now
    made = device_facts.of_programs(work.programs, device=spec.name, machine=machine, shots=shots)
    return {"state": found.state.value, "result": work.figures(counts, made)}


@handles("device_cancel", quick=True)
def cancel(site: Site, order: Message, tell: Tell) -> Answer:
    """Always allowed, whatever this site's environment says by now: nothing leaves, and what is paid for ends.

    What waits at this worker to be handed in under the same tag is not handed in any more.
    """
    tag = str(order.body["tag"])
    site.ended.add(tag)
    tasks = [(int(number), str(task)) for number, task in order.body["tasks"]]
    return end_tasks(str(order.body["device"]), tag, tasks).as_dict(), {}


class _Work:
    """The circuits that an order stands for: the run's model on the validation patients, who are never the audit's."""

    def __init__(self, site: Site, order: Message) -> None:
        from federation.domain.quantum.device_work import chosen, digest_of, programs_of

        config = frozen_config(site, order)
        self.models = load_models(order, config)
        self.shots = int(order.body["shots"])
        self.mitigation = order.body.get("mitigation")
        self.data = chosen(site.patients(config).validation, int(order.body["patients"]))
        self.programs = programs_of(self.models["primary"], self.data.x)
        self.digest = digest_of(self.programs)
        if (before := order.body.get("circuits")) and before != self.digest:
            raise OrderRefused(
                "the patients of this order are not the same any more (one has objected, or was added), so what the "
                "device says could be read for the wrong ones; order the evaluation again"
            )

    def figures(self, counts: list[dict[str, int]], made: dict[str, Any]) -> dict[str, Any]:
        from federation.domain.quantum.device_mitigation import calibration_from
        from federation.domain.quantum.device_work import figures

        found = figures(
            self.models["primary"], self.models["baseline"], self.data, counts, shots=self.shots, made=made,
            calibration=calibration_from(self.mitigation) if self.mitigation else None,
        )  # fmt: skip
        return found.as_dict()


def _allowed(order: Message) -> DeviceSpec:
    """The device, if the site's own environment allows it: the platform's word alone opens no door."""
    spec = find(str(order.body["device"]))
    allowed = [name.strip() for name in os.environ.get(ALLOWED, "").split(",")]
    if spec.needs_consent and spec.name not in allowed:
        held = ", ".join(filter(None, allowed)) or "nothing"
        raise OrderRefused(
            f"expected {spec.name} in {ALLOWED} of this site's worker, got {held}; its operator sets it, beside the "
            "consent given on the platform"
        )
    return spec


def _same_machine(order: Message, client: base.Client) -> None:
    wanted = order.body.get("machine")
    if wanted and wanted != client.machine:
        raise OrderRefused(
            f"the order is for {wanted}, whose health was measured or which has its first tasks; this site's worker is "
            f"set to {client.machine}. Set it to the same machine, or order anew"
        )


def _later(error: DeviceError, seconds: float) -> dict[str, Any]:
    return {"state": "later", "note": str(error), "retry_after_seconds": seconds}
