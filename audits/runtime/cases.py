"""Stored predictions, found by the caller's name of the case or by their place in a batch."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from typing import Any

from django.db.models import QuerySet
from django.utils.translation import gettext_noop

from audits.runtime.declared import site_of
from audits.runtime.models import EventKey, Outcome, Prediction
from audits.runtime.names import index_of, known_names
from core.errors import NotFound
from models_registry.models import Deployment

_NONE = gettext_noop("No prediction of your site has this name in this deployment.")


def predictions_named(deployment_id: uuid.UUID, site: str, names: Sequence[str]) -> dict[str, Prediction]:
    """Of these names, those that the site has a prediction for; the events' table says in which month they lie."""
    known = known_names(deployment_id, names)
    rows = Prediction.objects.filter(
        deployment_id=deployment_id, received_at__in={case.received_at for case in known.values()},
        event_key__in=[case.alias for case in known.values()], site=site,
    )  # fmt: skip
    by_alias = {row.event_key: row for row in rows}
    return {name: by_alias[case.alias] for name, case in known.items() if case.alias in by_alias}


def prediction_named(deployment: Deployment, name: str, caller: Any) -> Prediction:
    """The prediction that the caller's own site named so.

    Raises
    ------
    NotFound
        If there is none within the caller's reach.
    """
    known = known_names(deployment.id, [name]).get(name)
    found = Prediction.objects.none() if known is None else Prediction.objects.filter(
        deployment_id=deployment.id, received_at=known.received_at, event_key=known.alias
    )  # fmt: skip
    return _within_reach(found, deployment, caller)


def prediction_at(deployment: Deployment, batch_id: uuid.UUID, index: int, caller: Any) -> Prediction:
    """The prediction at a place of a batch: an address that names nobody."""
    found = Prediction.objects.filter(deployment_id=deployment.id, batch_id=batch_id, batch_index=index)
    return _within_reach(found, deployment, caller)


def _within_reach(found: QuerySet[Prediction], deployment: Deployment, caller: Any) -> Prediction:
    row = found.first()
    if row is None or not (caller.sees_all or row.site == site_of(caller, deployment)):
        raise NotFound(_NONE)
    return row


def outcomes_named(deployment_id: uuid.UUID, names: Sequence[str]) -> dict[str, Outcome]:
    """What was told of the cases of these names, by alias; the events' table says in which month it lies."""
    told = EventKey.objects.filter(
        deployment_id=deployment_id, kind="outcome", event_key__in=index_of(deployment_id, names)
    )
    known = known_names(deployment_id, names)
    rows = Outcome.objects.filter(
        deployment_id=deployment_id, received_at__in=set(told.values_list("received_at", flat=True)),
        event_key__in=[case.alias for case in known.values()],
    )  # fmt: skip
    return {row.event_key: row for row in rows}


def outcome_of(row: Prediction) -> Outcome | None:
    """What was told of one case. It reads the deployment's outcomes since then, so it is for one person's click."""
    return Outcome.objects.filter(
        deployment_id=row.deployment_id, received_at__gte=row.received_at, event_key=row.event_key
    ).first()


def was_wrong(flagged: bool, outcome: Outcome) -> bool:
    """Whether the model's word (ill; a lesion somewhere) was not what turned out to be true."""
    return flagged != (outcome.stratum > 0)


def case_columns(row: Prediction) -> dict[str, Any]:
    """What a row about a prediction copies of it (`models_reviews.OfPrediction`)."""
    return {
        "deployment_id": row.deployment_id, "batch_id": row.batch_id, "batch_index": row.batch_index,
        "site": row.site, "predicted_at": row.received_at, "event_key": row.event_key, "flagged": row.flagged,
    }  # fmt: skip
