"""The chain's decision registry halts too: what its mirror shows as stopped there is stopped here.

The anchor worker tells of a change in the transaction in which it writes the mirror (`provenance.relaying`). A job
follows it: it may run twice or late, so it looks at how things stand and does only what is missing.
"""

from __future__ import annotations

import uuid
from contextlib import suppress

from audits.runtime.halting import deployment_prepare, halt_create
from audits.runtime.models import MonitorState
from core.errors import Conflict
from core.jobs import Effects
from models_registry.models import Deployment
from provenance.domain.decision import SubjectState
from provenance.subjects import subject_state

STOPPED = (SubjectState.HALTED, SubjectState.REVOKED)


def chain_follow(payload: dict) -> Effects | None:
    """Handler of ``chain.stopped``: halt the deployment, if the mirror still says so and it is active."""
    name = payload["object"]
    try:
        key = uuid.UUID(name)
    except ValueError:
        return None  # decided on something that is not served
    view = subject_state(object_id=name)
    if view is None or view.state not in STOPPED:
        return None  # resumed meanwhile
    if not Deployment.objects.filter(id=key, state=Deployment.State.ACTIVE).exists():
        return None
    said = view.state.name.lower()

    def effects() -> None:
        deployment_prepare(key)
        position = MonitorState.objects.values_list("position", flat=True).get(deployment_id=key)
        with suppress(Conflict):  # somebody was first
            halt_create(
                deployment_id=key, position=position, by_chain=True, alarm={"chain": said},
                reason=f"The decision registry on the chain says that it is {said}.",
            )  # fmt: skip

    return effects
