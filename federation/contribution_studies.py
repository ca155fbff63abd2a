"""What each site gained a finished run's model: the sites score it with and without each of them.

It needs single updates, so secure aggregation rules it out. The scores are exact sums over validation patients, as
those of a round are, and are no more charged to the privacy budget than they.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.db.models import Max
from django.utils import timezone

from accounts.models import User
from core import artefacts, jobs
from core.context import governed
from core.errors import Conflict
from federation import consents, contributions, mailbox, training
from federation.domain.cells import MIN_CELL
from federation.domain.contribution import Rebuilt, gains
from federation.models import ContributionStudy, Participant, Round, SiteOrder, SiteUpdate, TrainingRun

KIND = "contribution"


@dataclass(frozen=True)
class Cost:
    """What a study takes, told before it is started."""

    models: int
    sites: int
    n_bytes: int | None  # sent to the sites, before sealing
    seconds: float | None  # of the slowest site, from how long its last scoring took

    @property
    def scorings(self) -> int:
        return self.models * self.sites


def refusal(run: TrainingRun) -> str:
    """Why it cannot be asked; empty if it can."""
    if reason := contributions.refusal(run):
        return reason
    if run.is_open:
        return "The run is not finished: its model still changes."
    if len(_sites(run)) < 2:
        return "Fewer than two sites sent updates, so there is nothing to compare."
    return ""


def cost(run: TrainingRun) -> Cost:
    asked, models = _asked(run), len(_sites(run)) + 1
    last = run.rounds.filter(state=Round.State.DONE).last()
    size = artefacts.size(last.weights["primary"]) if last and "primary" in last.weights else None
    scored = SiteOrder.objects.filter(kind="evaluate", state=SiteOrder.State.ANSWERED)
    took = [
        (order.answered_at - order.created_at).total_seconds()
        for order in (scored.filter(subject=last.id) if last else [])
        if order.answered_at
    ]  # of two models
    seconds = max(took) / 2 * models if took else None
    return Cost(models, len(asked), None if size is None else size * models * len(asked), seconds)


def study_start(*, run: TrainingRun, actor: User) -> ContributionStudy:
    with governed(action="contribution.study", actor=actor.id):
        TrainingRun.objects.select_for_update().get(id=run.id)
        if reason := refusal(run):
            raise Conflict(reason)
        if run.contribution_studies.filter(finished_at=None).exists():
            raise Conflict("The sites are asked already.")
        study = ContributionStudy.objects.create(run=run, requested_by=actor)
        jobs.enqueue("contribution.rebuild", {"study": str(study.id)}, key=f"contribution:{study.id}")
    return study


@jobs.handles("contribution.rebuild")
def rebuild(payload: dict) -> jobs.Effects:
    """Make the models without each site, and send them to every site to be scored."""
    study = ContributionStudy.objects.select_related("run").get(id=payload["study"])
    run, stored, error = study.run, {}, ""
    try:
        stored = {left_out: artefacts.put(data) for left_out, data in _rebuilt(run).items()}
    except (artefacts.ArtefactError, ValueError, KeyError) as reason:
        error = f"The updates of this run cannot be read any more: {reason}"[:500]

    def effects() -> None:
        if error:
            _finish(study.id, error=error)
            return
        for participant in _asked(run):
            mailbox.order_create(
                participant=participant, kind=KIND, key=f"contribution:{study.id}", subject=study.id,
                body={"run": str(run.id), "config": run.config, "config_hash": run.config_hash}, attachments=stored,
            )  # fmt: skip

    return effects


def scored(payload: dict) -> jobs.Effects | None:
    """A site has answered, or said why not; with the last of them the study ends."""
    subject = SiteOrder.objects.values_list("subject", flat=True).get(id=payload["order"])

    def effects() -> None:
        study = ContributionStudy.objects.select_for_update().select_related("run").get(id=subject)
        orders = list(orders_of(study))
        if study.finished_at or any(order.state == SiteOrder.State.PENDING for order in orders):
            return
        told, said = {}, []
        for order in orders:
            try:
                if order.state != SiteOrder.State.ANSWERED:
                    raise ValueError(order.error or "it was cancelled")
                told[order.participant.site] = _told(order.answer)
            except (ValueError, TypeError, KeyError, AttributeError) as error:
                said.append(f"{order.participant}: {error}")
        few = _few(study.run)
        rows = [one.as_dict() for one in gains(told, [s for s in _sites(study.run) if s not in few], min_cell=MIN_CELL)]
        _finish(study.id, error=" ".join(said)[:1000], result={"sites": rows, "too_few": sorted(few)} if told else None)

    return effects


def orders_of(study: ContributionStudy) -> Any:
    return SiteOrder.objects.filter(subject=study.id, kind=KIND).select_related("participant__institution")


def _finish(study_id: Any, *, error: str, result: dict | None = None) -> None:
    with governed(action="contribution.finish"):
        study = ContributionStudy.objects.get(id=study_id)
        study.error, study.result, study.finished_at = error, result, timezone.now()
        study.save(update_fields=["error", "result", "finished_at"])


def _asked(run: TrainingRun) -> list[Participant]:
    return consents.staying(run, training.participants_of(run))


def _sites(run: TrainingRun) -> list[str]:
    """Who sent updates that were counted."""
    return sorted(set(_updates(run).values_list("participant__site", flat=True)))


def _few(run: TrainingRun) -> set[str]:
    """Sites whose update is nearly one patient's: named and not described."""
    most = _updates(run).values("participant__site").annotate(most=Max("n_records"))
    return {row["participant__site"] for row in most if row["most"] < MIN_CELL}


def _updates(run: TrainingRun) -> Any:
    return SiteUpdate.objects.filter(round__run=run, round__state=Round.State.DONE)


def _rebuilt(run: TrainingRun) -> dict[str, bytes]:
    from federation.domain.learning import weights
    from federation.domain.models.registry import build
    from federation.domain.strategies.base import Update

    model, made = build(run.config["models"]["primary"]), None
    for round_ in run.rounds.filter(state=Round.State.DONE):
        start = weights.from_bytes(artefacts.get(round_.start_weights["primary"]), like=model)
        made = made or Rebuilt(start, _sites(run))
        updates = [
            Update(u.participant.site, weights.from_bytes(artefacts.get(u.weights["primary"]), like=model), u.n_records)
            for u in round_.updates.select_related("participant")
        ]
        if updates:
            made.add(start, updates)
    if made is None:
        raise ValueError("no round is finished")
    return {left_out: weights.to_bytes(state) for left_out, state in made.states().items()}


def _told(answer: Any) -> dict[str, Sequence[float]]:
    """A stranger's sums. Raises ValueError for what cannot be."""
    found: Mapping[str, Any] = answer["differences"]
    for sums in found.values():
        n, total, squares = sums
        numbers = all(isinstance(x, int | float) and not isinstance(x, bool) for x in sums)
        if not numbers or not (0 <= n < 10**9 and abs(total) <= n and 0 <= squares <= n):
            raise ValueError(f"expected number, sum and squares of differences in [-1, 1], got {sums}")
    return dict(found)
