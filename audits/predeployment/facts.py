"""What checks ask the platform for, because no site knows it. Each fact is a mapping; its check says which keys."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from audits.predeployment.models import AuditRun
from federation import training
from models_registry.models import Version


def collect(names: Iterable[str], audit: AuditRun) -> dict[str, Any]:
    """The facts of these names about an audit's version, as they stand now."""
    return {name: FACTS[name](audit.version) for name in names}


def epsilon(version: Version) -> dict[str, Any]:
    """What training has spent, as the accountant counts it again from the updates: see `checks.epsilon`.

    Not read from the rounds, so that two records must agree. A site is None where no noise bounds it, or where an
    update is missing.
    """
    config, run = version.config, version.run
    dp = config["local"]["dp"]
    spent: dict[str, float | None] = dict(training.epsilon_by_site(run))
    done = run.rounds.filter(state="done").count()
    for participant in training.participants_of(run):
        if not done or participant.updates.filter(round__run=run, round__state="done").count() != done:
            spent[participant.site] = None
    return {
        "by_site": spent, "delta": dp["delta"] if dp else None, "budget": config["epsilon_budget"],
        "declared": dp is not None,
    }  # fmt: skip


FACTS: dict[str, Callable[[Version], dict[str, Any]]] = {"epsilon": epsilon}
