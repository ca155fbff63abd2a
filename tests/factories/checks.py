"""A check run over some sites as the platform does it, without a platform."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from audits.predeployment.checks.at_site import AtSite, Bench
from audits.predeployment.checks.base import AnswerError, Check, Gathered, Result
from audits.predeployment.checks.running import conclude, measure_at, read_answer, settings_of

SEED = 20_260_101


def run_check(
    check: Check,
    benches: Mapping[str, Bench],
    *,
    settings: Mapping[str, Any] | None = None,
    facts: Mapping[str, Any] | None = None,
    reference_groups: Mapping[str, str] | None = None,
    config: Mapping[str, Any] | None = None,
    task: str = "classification",
    seed: int = SEED,
) -> Result:
    """Measure at every site, send the answers through JSON, read them and conclude."""
    fixed = settings_of(check, settings)
    shards = check.shards(fixed)
    answers: dict[str, tuple[Any, ...]] = {}
    absent: dict[str, str] = {}
    refused: dict[str, str] = {}
    for site, bench in benches.items():
        found = []
        for shard in range(shards):
            at = AtSite(check.id, site, bench, fixed, seed, shard, shards, reference_groups or {}, lambda *_: None)
            raw = json.loads(json.dumps(measure_at(check, at), allow_nan=False))
            try:
                value, reason = read_answer(check, site, raw, fixed)
            except AnswerError as error:
                refused[site] = str(error)
                continue
            if reason:
                absent[site] = reason
            else:
                found.append(value)
        if found:
            answers[site] = tuple(found)
    gathered = Gathered(task, fixed, seed, answers, absent, facts or {}, config or {})  # type: ignore[arg-type]  # a test may ask for nonsense
    return conclude(check, gathered, refused)
