"""The study of how far each site moved a run's model. It needs single updates, so secure aggregation rules it out."""

from __future__ import annotations

from collections.abc import Collection
from statistics import fmean

from django.utils import timezone
from django.utils.translation import gettext as _

from accounts.models import User
from core import artefacts, jobs
from core.context import governed
from core.errors import Conflict
from federation.domain.cells import MIN_CELL
from federation.models import InfluenceStudy, Round, TrainingRun
from federation.own import require_part


def refusal(run: TrainingRun) -> str:
    """Why single sites cannot be told apart in this run; empty if they can."""
    if (run.config.get("security") or {}).get("masking"):
        return _(
            "This run is aggregated securely: the coordinator has only ever seen the sum of the updates, so what one "
            "site contributed cannot be computed by anybody."
        )
    if not run.rounds.filter(state=Round.State.DONE).exists():
        return _("No round of this run is finished yet.")
    return ""


def visible_sites(run: TrainingRun, user: User) -> set[str] | None:
    """Sites whose scores this person may see; None: all.

    A score is computed from one site's update. Where each site's noise is in it, it says no more than what was paid
    for; otherwise nothing bounds what it says, and it is for the site's own institution.
    """
    if (run.config["local"].get("dp") or {}).get("noise_multiplier"):
        return None
    return own_sites(run, user)


def shown_to(result: dict | None, visible: Collection[str] | None) -> dict | None:
    """Of a study's result what somebody may see."""
    if result is None or visible is None:
        return result
    return {**result, "sites": [one for one in result["sites"] if one["site"] in visible]}


def own_sites(run: TrainingRun, user: User) -> set[str]:
    own = run.federation.participants.filter(institution__in=user.institution_ids)
    return set(own.values_list("site", flat=True))


def study_start(*, run: TrainingRun, actor: User) -> InfluenceStudy:
    require_part(run.federation, actor, "federation.manage")
    with governed(action="influence.study", actor=actor.id):
        TrainingRun.objects.select_for_update().get(id=run.id)
        if reason := refusal(run):
            raise Conflict(reason)
        if run.influence_studies.filter(finished_at__isnull=True).exists():
            raise Conflict("A study of this run is under way.")
        rounds = run.rounds.filter(state=Round.State.DONE).count()
        study = InfluenceStudy.objects.create(run=run, rounds=rounds, requested_by=actor)
        jobs.enqueue("influence.study", {"study": str(study.id)}, key=f"influence:{study.id}")
    return study


@jobs.handles("influence.study")
def compute(payload: dict) -> jobs.Effects:
    """Round by round; the model that is studied is the quantum one."""
    study = InfluenceStudy.objects.select_related("run").get(id=payload["study"])
    found: dict[str, list[dict]] = {}
    records: dict[str, int] = {}
    error = ""
    try:
        for done, round_ in enumerate(study.run.rounds.filter(state=Round.State.DONE)[: study.rounds], start=1):
            _add_round(study.run, round_, found, records)
            InfluenceStudy.objects.filter(id=study.id).update(rounds_done=done)
    except (artefacts.ArtefactError, ValueError, KeyError) as reason:  # pruned or unlike weights: no second try helps
        error = f"The updates of this run cannot be read any more: {reason}"[:500]
    sites = [_summary(site, rows, records[site]) for site, rows in sorted(found.items())]

    def effects() -> None:
        with governed(action="influence.finish"):
            study.finished_at, study.error = timezone.now(), error
            study.result = None if error else {"sites": sites}
            study.save(update_fields=["finished_at", "error", "result"])

    return effects


def _add_round(run: TrainingRun, round_: Round, found: dict[str, list[dict]], records: dict[str, int]) -> None:
    from federation.domain.influence import leave_one_out
    from federation.domain.learning import weights
    from federation.domain.models.registry import build
    from federation.domain.secure.largest import received
    from federation.domain.strategies.base import Update

    model = build(run.config["models"]["primary"])
    start = weights.from_bytes(artefacts.get(round_.start_weights["primary"]), like=model)
    updates = []
    for update in round_.updates.select_related("participant"):
        site = update.participant.site
        records[site] = update.n_records
        state = received(artefacts.get(update.weights["primary"]), start=start, security=run.config.get("security"))
        updates.append(Update(site, state, update.n_records))
    for one in leave_one_out(start, updates):
        found.setdefault(one.site, []).append(
            {"round": round_.number, "weight": one.weight, "shift": one.shift, "alignment": one.alignment}
        )


def _summary(site: str, rows: list[dict], records: int) -> dict:
    """Means over the rounds; a site of very few patients is named and not described."""
    if records < MIN_CELL:
        return {"site": site, "too_few": True, "rounds": len(rows)}
    out: dict = {"site": site, "too_few": False, "rounds": len(rows), "by_round": rows}
    for name in ("weight", "shift", "alignment"):
        values = [row[name] for row in rows if row[name] is not None]
        out[name] = fmean(values) if values else None
    return out
