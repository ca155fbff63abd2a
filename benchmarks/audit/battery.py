"""The whole quick battery on a model of real data: what an audit takes from beginning to end, on this machine.

The sites work one after the other in this one process, so the figure is the work of all of them together; in the
platform they share its two cores. Peak memory is the process's own, data and libraries included.
"""

from __future__ import annotations

import hashlib
import json
import resource
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from audits.predeployment import policy
from audits.predeployment.checks.at_site import AtSite, Bench
from audits.predeployment.checks.base import AnswerError, Gathered, Result
from audits.predeployment.checks.registry import check_of
from audits.predeployment.checks.running import conclude, measure_at, read_answer
from benchmarks.frame import ROOT, Measure, progress
from federation.domain.data.dataset import split
from federation.domain.data.registry import open_source
from federation.domain.learning.defaults import default_config
from federation.domain.learning.local import train_local
from federation.domain.learning.weights import load_state, state_of
from federation.domain.models.registry import build, default_specs
from federation.domain.run_config import MODEL_NAMES, RunConfig
from federation.domain.strategies.base import Update
from federation.domain.strategies.fedavg import aggregate

DATA = ROOT.parent / "shared" / "data"
SETS = {"heart": f"heart:{DATA / 'heart'}", "lgg": f"lgg:{DATA / 'lgg'}", "phantom": "phantom:?patients=400"}
ROUNDS = 3
SEED = 7


def benches(spec: str, *, rounds: int = ROUNDS) -> dict[str, Bench]:
    """Each site of a data set beside the two models that it trained with the others, without a platform."""
    source = open_source(spec)
    data = {site.code: source.load(site.code) for site in source.sites()}
    first = next(iter(data.values()))
    specs = dict(zip(MODEL_NAMES, default_specs(first.task, first.x.shape[1], first.side), strict=True))
    local = default_config(first.task, first.side)
    config = RunConfig(
        task=first.task, models=specs, rounds=rounds, seed=SEED, local=local,
        epsilon_budget=10.0 if local.dp else None, data_digests=dict.fromkeys(data, "0" * 64),
    )  # fmt: skip
    splits = {site: split(held, seed=_own(site)) for site, held in data.items()}
    models = {name: build(spec, seed=SEED) for name, spec in specs.items()}
    for number in range(rounds):
        for name, model in models.items():
            updates = []
            for site, parts in splits.items():
                if parts.train.n_patients:
                    twin = build(model.spec)
                    load_state(twin, state_of(model))
                    found = train_local(twin, parts.train, local, seed=_own(f"{site}:{name}:{number}"))
                    updates.append(Update(site, found.state, found.n_records))
            load_state(model, aggregate(updates))
    return {site: Bench(parts, {n: m.eval() for n, m in models.items()}, config) for site, parts in splits.items()}


def run(found: dict[str, Bench], *, tier: str = policy.QUICK) -> tuple[dict[str, Result], dict[str, float]]:
    """Every check of a shipped policy's tier. Returns results, and seconds by check over all sites."""
    config = next(iter(found.values())).config.as_dict()
    content = policy.shipped("limited", threshold=0.1)
    fixed = policy.resolve(content, tier=tier, config=config, reference_groups=references(found))
    seconds: dict[str, float] = {}
    raw: dict[tuple[str, str], list[Any]] = {}
    for name, shard in policy.plan(fixed):
        started = time.perf_counter()
        check, settings = check_of(name), policy.settings_in(fixed, name)
        for site, bench in found.items():
            if bench.splits.audit.n_patients:
                at = AtSite(name, site, bench, settings, fixed["seed"], shard, check.shards(settings),
                            fixed["reference_groups"], lambda *_: None)  # fmt: skip
                raw.setdefault((name, site), []).append(measured(check, at))
        seconds[name] = seconds.get(name, 0.0) + time.perf_counter() - started
        progress(f"  {name}: {seconds[name]:.1f} s")
    results = {}
    for name in fixed["checks"]:
        started = time.perf_counter()
        results[name] = concluded(name, fixed, raw, config)
        seconds[name] = seconds.get(name, 0.0) + time.perf_counter() - started
    return results, seconds


def measured(check: Any, at: AtSite) -> Any:
    try:
        return json.loads(json.dumps(measure_at(check, at), allow_nan=False))
    except Exception as error:  # noqa: BLE001 - as a site's worker does: the check is refused, the others go on
        progress(f"  {check.id} at {at.site}: {type(error).__name__}: {error}")
        return error


def concluded(name: str, fixed: dict[str, Any], raw: dict[tuple[str, str], list[Any]], config: dict) -> Result:
    check = check_of(name)
    source = check.measured_by or name
    answers: dict[str, tuple[Any, ...]] = {}
    absent: dict[str, str] = {}
    refused: dict[str, str] = {}
    for (measured, site), shards in raw.items():
        if measured != source:
            continue
        for answer in shards:
            if isinstance(answer, Exception):
                refused[site] = str(answer)
                continue
            try:
                value, reason = read_answer(check_of(source), site, answer, policy.settings_in(fixed, source))
            except AnswerError as error:
                refused[site] = str(error)
                continue
            if reason:
                absent[site] = reason
            else:
                answers[site] = (*answers.get(site, ()), value)
    # There is no platform here: what asks it for more than this says that it could not be assessed.
    facts = {"epsilon": {"by_site": {}, "delta": None, "budget": None, "declared": False}}
    gathered = Gathered(config["task"], policy.settings_in(fixed, name), fixed["seed"], answers, absent, facts, config)
    return conclude(check, gathered, refused)


def references(found: dict[str, Bench]) -> dict[str, str]:
    counts: dict[str, dict[str, int]] = {}
    for bench in found.values():
        for attribute, groups in bench.splits.audit.groups.items():
            mine = counts.setdefault(attribute, {})
            for group in groups.tolist():
                if group != "unknown":
                    mine[group] = mine.get(group, 0) + 1
    return {name: max(sorted(mine), key=mine.__getitem__) for name, mine in counts.items() if len(mine) > 1}


def _own(text: str) -> int:
    return int.from_bytes(hashlib.sha256(f"{SEED}:{text}".encode()).digest()[:8], "big")


def measure(*, quick: bool) -> Iterator[Measure]:
    """`audit.battery_heart_s` and `audit.battery_lgg_s`."""
    for name, limit in (("heart", 300), ("lgg", 1200)):
        if not Path(SETS[name].partition(":")[2]).exists():
            progress(f"audit: {SETS[name]} is not here, so the battery is not measured on {name}")
            continue
        found = benches(SETS[name], rounds=1 if quick else ROUNDS)
        started = time.perf_counter()
        results, seconds = run(found)
        whole = time.perf_counter() - started
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
        verdicts = ", ".join(f"{check} {result.verdict.value}" for check, result in results.items())
        slowest = ", ".join(f"{check} {took:.1f}" for check, took in sorted(seconds.items(), key=lambda p: -p[1])[:5])
        note = f"target {limit} s; {peak:.2f} GiB at the peak; slowest: {slowest}; {verdicts}"
        yield Measure(f"audit.battery_{name}_s", whole, "s", note=note)
