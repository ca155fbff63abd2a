from __future__ import annotations

from core import events, jobs


def _deployment_created(payload: dict) -> jobs.Effects | None:
    from audits.runtime.services import deployment_created

    return deployment_created(payload)


events.on("deployment.created", "runtime.prepare", _deployment_created)
