"""Checks on a board's own patients, in the platform's worker: one job a check, as an audit does it.

The board brings no training patients. What needs them is not assessable here, and says so.
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from django.utils import timezone

from audits.domain.verdict import Verdict, combine
from audits.predeployment.checks.base import AnswerError, Check, Gathered, Result
from audits.predeployment.checks.not_installed import NotInstalled, check_or_stand_in
from audits.predeployment.checks.running import conclude, measure_at, read_answer, settings_of
from audits.predeployment.external import archive
from audits.predeployment.external.layout import SITE, layout_of, load
from audits.predeployment.models import ExternalData, ExternalResult, ExternalRun
from audits.predeployment.results import content_digest, result_row
from core import artefacts, jobs
from core.context import governed
from federation.domain.messages import digest
from models_registry.models import Version
from models_registry.services import evidence_record

if TYPE_CHECKING:
    from audits.predeployment.checks.at_site import Bench

EVIDENCE = "external_audit"
_ABSENT = ("training patients", "validation patients")


def needs_others(check: Check) -> str:
    """Which patients this check, or the one it concludes from, needs and a board does not bring; empty if none."""
    source = check_or_stand_in(check.measured_by) if check.measured_by else check
    return next((what for what in _ABSENT if any(need.startswith(what) for need in source.inputs)), "")


def read(version: Version, stored: bytes, owner: str, site: str) -> Any:
    """A board's patients, and the facts of them that are kept.

    Raises
    ------
    ArchiveError, DataError
        Why they cannot be used.
    """
    layout = layout_of(version)
    if layout is None:
        raise archive.ArchiveError("expected a version trained on files, got one trained on drawn data")
    with archive.unpacked(archive.taken_out(stored, owner)) as root:
        return load(layout, root, site)


@jobs.handles("external.data")
def external_data(payload: dict) -> jobs.Effects | None:
    """Look whether the loader takes an uploaded data set."""
    from federation.domain.data.dataset import DataError

    held = ExternalData.objects.select_related("external__version__model").get(id=payload["data"])
    if held.state != ExternalData.State.CHECKING:
        return None
    try:
        stored = artefacts.get(held.stored)
        _, manifest = read(held.external.version, stored, str(held.external_id), held.site)
    except (archive.ArchiveError, DataError, artefacts.ArtefactError) as error:
        words = _without_folder(str(error))
        return lambda: _checked(held.id, ExternalData.State.REFUSED, refusal=words)
    return lambda: _checked(held.id, ExternalData.State.READY, manifest=manifest)


def _without_folder(words: str) -> str:
    """An error of the loader, without the folder where the archive was unpacked."""
    return " ".join(
        part.rsplit("/", 1)[-1] if part.startswith("/") and "/board-" in part else part for part in words.split(" ")
    )


def _checked(data_id: uuid.UUID, state: str, **values: Any) -> None:
    held = ExternalData.objects.select_for_update(of=("self",)).get(id=data_id)
    if held.state != ExternalData.State.CHECKING:
        return
    with governed(action=f"external.data_{state}"):
        held.state = state
        for name, value in values.items():
            setattr(held, name, value)
        held.save(update_fields=["state", *values])


@jobs.handles("external.check")
def external_check(payload: dict) -> jobs.Effects | None:
    """Run one check on a board's data; the effects keep its result and, if it is the last one, end the run."""
    run = ExternalRun.objects.select_related("external__version__model", "external__version__run", "data").get(
        id=payload["run"]
    )
    if run.state != ExternalRun.State.RUNNING:
        return None
    started = time.perf_counter()
    found = _found(run, check_or_stand_in(payload["check"]))
    seconds = {"platform": round(time.perf_counter() - started, 3)}
    config = run.external.version.config
    row = result_row(run, payload["check"], found, {SITE: run.data.digest}, config=config) | {"seconds": seconds}
    return lambda: _keep(run.id, row)


def _found(run: ExternalRun, check: Check) -> Result:
    settings = run.policy["checks"][check.id]["settings"]
    task, seed, config = run.external.version.config["task"], run.policy["seed"], run.external.version.config
    answers: list[Any] = []
    absent: dict[str, str] = {}
    refused: dict[str, str] = {}
    source = check_or_stand_in(check.measured_by) if check.measured_by else check
    if isinstance(source, NotInstalled):
        if source is not check:
            refused[SITE] = f"{source.id}, from which it concludes, is not installed any more"
    elif missing := needs_others(check):
        absent[SITE] = f"it needs {missing}, and a board brings none"
    elif task in check.tasks:
        try:
            answers = _answers(run, check, settings)
        except AnswerError as error:
            refused[SITE] = str(error)
        except Exception as error:  # noqa: BLE001 - whatever a check or the data do wrong costs this check alone
            refused[SITE] = f"{type(error).__name__}: {_without_folder(str(error))}"
    kept = [value for value, reason in answers if not reason]
    if answers and not kept:
        absent[SITE] = answers[0][1]
    gathered = Gathered(task, settings, seed, {SITE: tuple(kept)} if kept else {}, absent, {}, config)
    return conclude(check, gathered, refused)


def _answers(run: ExternalRun, check: Check, settings: Mapping[str, Any]) -> list[tuple[Any, str]]:
    """What `read` makes of each shard, with the reason where nothing was measured."""
    from audits.predeployment.checks.at_site import AtSite

    source = check_or_stand_in(check.measured_by) if check.measured_by else check
    if source is not check:
        part = run.policy["checks"].get(source.id)
        settings = part["settings"] if part else settings_of(source)
    bench, shards = _bench(run), source.shards(settings)
    found = []
    for shard in range(shards):
        at = AtSite(
            source.id, SITE, bench, settings, run.policy["seed"], shard, shards, run.policy["reference_groups"],
            lambda *_: None,
        )  # fmt: skip
        found.append(read_answer(source, SITE, measure_at(source, at), settings))
    return found


def _bench(run: ExternalRun) -> Bench:
    """Both models beside the board's patients, all of whom are held out."""
    import numpy as np

    from audits.predeployment.checks.at_site import Bench
    from federation.domain.data.dataset import Splits
    from federation.domain.learning import weights
    from federation.domain.models.registry import build
    from federation.domain.run_config import RunConfig

    version = run.external.version
    config = RunConfig.from_dict(version.config)
    stored = artefacts.get(run.data.stored)
    data, _ = read(version, stored, str(run.external_id), run.data.site)
    models = {}
    for name, digest_ in (("primary", version.weights_digest), ("baseline", version.baseline_digest)):
        model = build(config.models[name])
        weights.load_state(model, weights.from_bytes(artefacts.get(digest_), like=model))
        models[name] = model.eval()
    nobody = data.take(np.arange(0))
    return Bench(Splits(nobody, nobody, data), models, config)


def job_died(payload: dict) -> jobs.Effects | None:
    """A job gave up after all its attempts: the check is inconclusive, the data set refused."""
    kind, given, error = payload["kind"], payload["payload"], payload["error"]
    if kind == "external.data":
        words = f"It could not be read: {_without_folder(error)}"
        return lambda: _checked(given["data"], ExternalData.State.REFUSED, refusal=words)
    if kind != "external.check":
        return None
    run = ExternalRun.objects.select_related("external__version").get(id=given["run"])
    check = check_or_stand_in(given["check"])
    nothing = Gathered(run.external.version.config["task"], {}, run.policy["seed"])
    config = run.external.version.config
    row = result_row(run, check.id, conclude(check, nothing, {"the platform": error}), {}, config=config)
    return lambda: _keep(run.id, row)


def _keep(run_id: uuid.UUID, row: Mapping[str, Any]) -> None:
    run = ExternalRun.objects.select_for_update(of=("self",)).select_related("external", "data").get(id=run_id)
    if run.state != ExternalRun.State.RUNNING or run.results.filter(check_id=row["check_id"]).exists():
        return
    with governed(action="external.check", reason=f"{row['title']}: {row['verdict']}"):
        ExternalResult.objects.create(run=run, **row)
    if set(run.results.values_list("check_id", flat=True)) == set(run.policy["checks"]):
        _finish(run)


def _finish(run: ExternalRun) -> None:
    """Keep the outcome, and pass it down as evidence: it is shown to those who approve, and gates nothing."""
    rows = list(run.results.all())
    verdict = combine(Verdict(row.verdict) for row in rows)
    with governed(action="external.finish", reason=f"{run.external}: {verdict.value}"):
        run.state, run.verdict, run.finished_at = ExternalRun.State.FINISHED, verdict.value, timezone.now()
        run.digest = digest(canonical_run(run, rows))
        run.save(update_fields=["state", "verdict", "finished_at", "digest"])
        told = [f"{row.title}: {row.verdict.replace('_', ' ')}" for row in rows]
        evidence_record(
            version=run.external.version, kind=EVIDENCE, source_id=run.id, verdict=verdict.value, digest=run.digest,
            summary={"external": str(run.external_id), "board": run.external.board.name, "told": told},
        )  # fmt: skip


def canonical_run(run: ExternalRun, rows: list[ExternalResult]) -> dict[str, Any]:
    """What the digest of a run covers."""
    version = run.external.version
    return {
        "format": 1, "run": str(run.id), "version": str(version.id), "weights": version.weights_digest,
        "baseline": version.baseline_digest, "data": run.data.digest, "policy": run.policy,
        "checks": {row.check_id: content_digest(row) for row in rows},
    }  # fmt: skip
