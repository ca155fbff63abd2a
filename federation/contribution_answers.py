"""What the sites answer to a study of contributions, and what becomes of those that do not."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from django.db.models import Max

from core import jobs
from federation import contribution_studies, mailbox
from federation.domain.cells import MIN_CELL
from federation.domain.contribution import from_units, gains
from federation.domain.feature_summaries import Question
from federation.models import ContributionStudy, SiteOrder, TrainingRun


def scored(payload: dict) -> jobs.Effects | None:
    """A site has answered, or said why not; with the last of them the study ends."""
    subject = SiteOrder.objects.values_list("subject", flat=True).get(id=payload["order"])

    def effects() -> None:
        study = ContributionStudy.objects.select_for_update().select_related("run").get(id=subject)
        orders = list(contribution_studies.orders_of(study))
        if not study.finished_at and not any(order.state == SiteOrder.State.PENDING for order in orders):
            _close(study, orders)

    return effects


@jobs.handles("contribution.deadline")
def close_late(payload: dict) -> jobs.Effects:
    """Whoever has not answered by now, because a worker or an engine is down, is waited for no more."""

    def effects() -> None:
        study = ContributionStudy.objects.select_for_update().select_related("run").get(id=payload["study"])
        if not study.finished_at:
            mailbox.orders_cancel(subject_ids=[study.id])
            _close(study, list(contribution_studies.orders_of(study)))

    return effects


def _close(study: ContributionStudy, orders: Sequence[SiteOrder]) -> None:
    told, said = {}, []
    question = Question.from_dict(study.question) if study.question else None
    for order in orders:
        try:
            if order.state != SiteOrder.State.ANSWERED:
                raise ValueError(order.error or f"no answer within {contribution_studies.WAIT_SECONDS // 60} minutes")
            told[order.participant.site] = _told(order.answer, question)
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            said.append(f"{order.participant}: {error}.")
    few = _few(study.run)
    found = gains(
        told, [site for site in contribution_studies.sites_of(study.run) if site not in few], min_cell=MIN_CELL,
        noise_sd=question.noise_sd if question else 0.0,
    )  # fmt: skip
    result = {"sites": [one.as_dict() for one in found], "too_few": sorted(few)}
    contribution_studies.finish(study.id, error=" ".join(said)[:1000], result=result if told else None)


def _few(run: TrainingRun) -> set[str]:
    """Sites whose update is nearly one patient's: named and not described."""
    most = contribution_studies.updates_of(run).values("participant__site").annotate(most=Max("n_records"))
    return {row["participant__site"] for row in most if row["most"] < MIN_CELL}


def _told(answer: Any, question: Question | None) -> dict[str, Sequence[float]]:
    """A stranger's sums. Raises ValueError for what cannot be."""
    if question is not None:
        return _told_with_noise(answer, question)
    found: Mapping[str, Any] = answer["differences"]
    for sums in found.values():
        n, total, squares = sums
        numbers = all(isinstance(x, int | float) and not isinstance(x, bool) for x in sums)
        if not numbers or not (0 <= n < 10**9 and abs(total) <= n and 0 <= squares <= n):
            raise ValueError(f"expected number, sum and squares of differences in [-1, 1], got {sums}")
    return dict(found)


def _told_with_noise(answer: Any, question: Question) -> dict[str, Sequence[float]]:
    n = answer["n_records"]
    if type(n) is not int or not 0 <= n < 10**9:
        raise ValueError(f"expected how many patients were scored, got {n!r}")
    if n == 0:  # too few for any figure
        return {}
    counts = answer["counts"]
    if Question.from_dict(answer["question"]) != question:
        raise ValueError("it is of another question")
    if len(counts) != len(question.features) or not all(type(one) is int and abs(one) < 2**53 for one in counts):
        raise ValueError(f"expected {len(question.features)} whole numbers")
    return dict(from_units(counts, question.features, n))
