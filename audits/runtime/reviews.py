"""What clinicians did with predictions, and the rates that say how far they rely on the model.

A review is a governed row. Its counts go to the hourly roll-ups: `review.accepted` and `review.overrode` once a review
(1 or 0), `review.wrong` once for each reviewed case that is known to be predicted wrongly (1 if it was accepted all the
same), whichever comes last, the review or the outcome.
"""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models import Sum
from django.utils import timezone
from django.utils.translation import gettext as _

from audits.runtime.cases import case_columns, outcome_of, outcomes_named, predictions_named, was_wrong
from audits.runtime.gateway import caller_site
from audits.runtime.halting import deployment_prepare
from audits.runtime.idempotency import check_key, claim, keep
from audits.runtime.models import DailyRollup, DeploymentCounter, Outcome, Prediction, Review
from audits.runtime.records import MAX_REVIEWS, Refusals, ReviewIn, read_records
from audits.runtime.rollups import SERVED, Rate, rate, rollups_add
from core.context import governed
from core.errors import Conflict
from federation.domain.group_rates import Sums
from models_registry.models import ApprovalRequest, Deployment

ACCEPTED, OVERRODE, WRONG = "review.accepted", "review.overrode", "review.wrong"
MAX_NOTE = 2000


@dataclass(frozen=True)
class Reliance:
    """How far a site relies on the model.

    Attributes
    ----------
    site : str
        Empty for all sites together.
    served, reviewed : int
        Predictions, and how many of them a clinician has reviewed.
    unreviewed : Rate
        Share of the predictions that nobody has reviewed.
    accepted, overrode : Rate
        Of the reviewed ones; the rest was not used.
    accepted_wrong : Rate
        Of the reviewed cases that the model got wrong, as the outcome says, the share that was accepted. 1: nobody
        noticed; 0: everybody did.
    """

    site: str
    served: int
    reviewed: int
    unreviewed: Rate
    accepted: Rate
    overrode: Rate
    accepted_wrong: Rate


def reviews_create(*, deployment: Deployment, caller: Any, body: bytes, idempotency_key: str | None) -> dict:
    """Record what was done with a batch of predictions, all or none.

    Parameters
    ----------
    body : bytes
        JSON ``{"records": [{event_key, decision: accepted|overrode|not_used, why?, note?}]}``.

    Raises
    ------
    BadRecords
        Naming each record that is unknown, was reviewed already, or cannot be read.
    Conflict
        If the deployment is a shadow: its answers are withheld.
    """
    site = caller_site(caller, deployment)
    _refuse_shadow(deployment)
    key, digest = check_key(idempotency_key), hashlib.sha256(body).hexdigest()
    scope = f"review:{deployment.id}:{caller.id}"
    records = read_records(body, ReviewIn, MAX_REVIEWS)
    names = [record.event_key for record in records]
    predictions = predictions_named(deployment.id, site, names)
    _refuse_unusable(records, predictions, site)
    rows = [predictions[name] for name in names]
    with governed(action="review.record", actor=caller.id, reason=f"{len(records)} told by {site}"):
        stored = claim(scope=scope, key=key, request_digest=digest)
        if stored is not None:
            return stored
        _lock(deployment.id)
        _refuse_again(names, rows)
        now = _store(deployment.id, caller.id, rows, records, outcomes_named(deployment.id, names))
        counts = {choice.value: sum(r.decision == choice for r in records) for choice in Review.Decision}
        answer = {"accepted": len(records), "at": now.isoformat(), "decisions": counts}
        keep(scope=scope, key=key, answer=answer)
    return answer


def review_record(
    *, deployment: Deployment, prediction: Prediction, decision: str, why: str, note: str, actor: Any
) -> Review:
    """Record what one clinician did with one prediction of the own site."""
    site = caller_site(actor, deployment)
    _refuse_shadow(deployment)
    if prediction.site != site:
        raise Conflict("Only a clinician of the site that asked for a prediction says what was done with it.")
    record = ReviewIn(event_key="this case", decision=decision, why=why, note=note)  # type: ignore[arg-type]
    _refuse_unusable([record], {record.event_key: prediction}, site)
    with governed(action="review.record", actor=actor.id, reason=f"1 told by {site}"):
        _lock(deployment.id)
        _refuse_again([record.event_key], [prediction])
        outcome = outcome_of(prediction)
        told = {} if outcome is None else {outcome.event_key: outcome}
        _store(deployment.id, actor.id, [prediction], [record], told)
    return Review.objects.get(deployment=deployment, event_key=prediction.event_key)


def reviews_judge(deployment_id: uuid.UUID, at: datetime, outcomes: Sequence[Outcome]) -> None:
    """Count the reviews of cases whose outcome is told now. The caller holds the deployment's counter row."""
    by_alias = {outcome.event_key: outcome for outcome in outcomes}
    known = Review.objects.filter(deployment_id=deployment_id, event_key__in=by_alias).order_by()
    wrong: dict[str, list[tuple[Mapping[str, str], Mapping[str, float]]]] = {}
    for alias, flagged, decision, site in known.values_list("event_key", "flagged", "decision", "site"):
        if was_wrong(flagged, by_alias[alias]):
            taken = float(decision == Review.Decision.ACCEPTED)
            wrong.setdefault(site, []).append((by_alias[alias].attributes, {WRONG: taken}))
    for site, values in wrong.items():
        rollups_add(deployment_id=deployment_id, at=at, site=site, values=values)


def reliance_of(deployment: Deployment) -> list[Reliance]:
    """One row a site, by name, and in front of them all sites together; read from the roll-ups."""
    found = (
        DailyRollup.objects.filter(deployment=deployment, metric__in=[SERVED, ACCEPTED, OVERRODE, WRONG])
        .order_by()
        .values("site", "metric")
        .annotate(count=Sum("n"), sum=Sum("total"))
    )
    sums: dict[str, dict[str, Sums]] = {"": {}}
    for row in found:
        for site in ("", row["site"]):
            before = sums.setdefault(site, {}).get(row["metric"], Sums(0, 0.0, 0.0))
            sums[site][row["metric"]] = before + Sums(row["count"], row["sum"], row["sum"])
    return [_reliance(site, sums[site]) for site in sorted(sums)]


def _reliance(site: str, sums: Mapping[str, Sums]) -> Reliance:
    nothing = Sums(0, 0.0, 0.0)
    served, accepted = sums.get(SERVED, nothing), sums.get(ACCEPTED, nothing)
    open_cases = float(served.n - accepted.n)
    return Reliance(
        site=site, served=served.n, reviewed=accepted.n,
        unreviewed=rate(Sums(served.n, open_cases, open_cases)), accepted=rate(accepted),
        overrode=rate(sums.get(OVERRODE, nothing)), accepted_wrong=rate(sums.get(WRONG, nothing)),
    )  # fmt: skip


def _refuse_shadow(deployment: Deployment) -> None:
    if deployment.kind == ApprovalRequest.Kind.SHADOW:
        raise Conflict(
            _("%(deployment)s is a shadow deployment: its answers are withheld, so nobody can act on them.")
            % {"deployment": deployment}
        )


def _refuse_unusable(records: Sequence[ReviewIn], predictions: Mapping[str, Prediction], site: str) -> None:
    refusals = Refusals()
    for index, record in enumerate(records):
        if record.event_key not in predictions:
            told = f"no prediction of {site} is named {record.event_key!r}"
            refusals.add(index, "event_key", told, record.event_key)
        if len(record.note) > MAX_NOTE or "\x00" in record.note:
            told = f"expected at most {MAX_NOTE} characters of plain text, got {len(record.note)}"
            refusals.add(index, "note", told, record.event_key)
    refusals.raise_if_any()


def _refuse_again(names: Sequence[str], rows: Sequence[Prediction]) -> None:
    """The counter's lock is held: whoever reviews the same case at the same moment waits, and is refused here."""
    refusals, aliases = Refusals(), [row.event_key for row in rows]
    known = set(
        Review.objects.filter(deployment_id=rows[0].deployment_id, event_key__in=aliases).values_list(
            "event_key", flat=True
        )
    )
    for index, (name, alias) in enumerate(zip(names, aliases, strict=True)):
        if alias in known:
            refusals.add(index, "event_key", f"{name!r} was reviewed already, and a review is never changed", name)
    refusals.raise_if_any()


def _lock(deployment_id: uuid.UUID) -> None:
    """The deployment's counter row: orders reviews and outcomes, so that each wrong case is counted once."""
    locked = DeploymentCounter.objects.select_for_update().filter(deployment_id=deployment_id)
    if not locked.exists():
        deployment_prepare(deployment_id)
    locked.get()


def _store(
    deployment_id: uuid.UUID, caller_id: uuid.UUID, rows: Sequence[Prediction], records: Sequence[ReviewIn],
    outcomes: Mapping[str, Outcome],
) -> datetime:  # fmt: skip
    now = timezone.now()
    Review.objects.bulk_create(
        [
            Review(
                **case_columns(row), created_at=now, decision=record.decision, why=record.why, note=record.note.strip(),
                recorded_by=caller_id,
            )
            for row, record in zip(rows, records, strict=True)
        ]
    )  # fmt: skip
    values = [
        (
            row.attributes,
            {
                ACCEPTED: float(record.decision == Review.Decision.ACCEPTED),
                OVERRODE: float(record.decision == Review.Decision.OVERRODE),
            },
        )
        for row, record in zip(rows, records, strict=True)
    ]
    rollups_add(deployment_id=deployment_id, at=now, site=rows[0].site, values=values)
    reviews_judge(deployment_id, now, [outcomes[row.event_key] for row in rows if row.event_key in outcomes])
    return now
