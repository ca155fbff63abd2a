"""Institutions, models, training runs and deployments of the period."""

from __future__ import annotations

import datetime as dt
import uuid
from typing import Any

from django.db.models import Q, Sum

from accounts.models import Institution, Membership
from audits.posthoc.assembly.decisions import (
    deployment_histories,
    deployments_of,
    request_histories,
    requests_of,
)
from audits.posthoc.assembly.window import (
    History,
    Window,
    history,
    identifier,
    instant,
    label,
    prose,
    state_of,
    state_since,
    words,
)
from audits.runtime.models import Batch
from core.roles import Role
from federation.models import Federation, Round, TrainingRun
from models_registry.cards import completeness
from models_registry.fails import AUDIT
from models_registry.models import Card, Deployment, Evidence, Version


def institutions(window: Window) -> list[dict[str, Any]]:
    """Those that exist now, or the one whose edition it is: the report needs at least one to speak of."""
    rows = [window.institution] if window.institution else Institution.objects.filter(is_active=True)
    return [{"id": row.slug, "name": label(row.name)} for row in rows]


def synthetic() -> bool:
    """Whether no figure comes from a real patient: every federation is declared synthetic."""
    federations = Federation.objects.all()
    return federations.exists() and not federations.filter(synthetic=False).exists()


def scope(window: Window, *, generated_at: dt.datetime) -> str:
    """What is in the report, and what the platform does not record."""
    federations = list(Federation.objects.filter(created_at__lt=window.until, **window.of("id")))
    names = ", ".join(f"{row.name}{' (synthetic data)' if row.synthetic else ''}" for row in federations) or "none yet"
    unfinished = " The last day was not over when the report was made." if generated_at < window.until else ""
    where = f"in the federations of {window.institution}" if window.institution else "on this platform"
    own = " Predictions and appeals are those of its own sites." if window.institution else ""
    return prose(
        f"All models trained, audited, approved or deployed {where}.{own} Federations: {names}. States are those "
        f"that the ledger recorded when the period ended.{unfinished}"
    )


# --- models --------------------------------------------------------------------------------------------------------


def model_id(version: Version) -> str:
    return identifier("VER", version.id)


def models(window: Window) -> list[dict[str, Any]]:
    """Every version that existed when the period ended."""
    cards, states = _newest_cards(window), _states(window)
    return [_model(version, cards.get(version.id), states[version.id]) for version in window.once(versions)]


def versions(window: Window) -> list[Version]:
    rows = Version.objects.filter(created_at__lt=window.until, **window.of("model__federation")).select_related("model")
    return list(rows.order_by("created_at"))


def _newest_cards(window: Window) -> dict[uuid.UUID, Card]:
    rows = Card.objects.filter(created_at__lt=window.until, **window.of("version__model__federation"))
    return {card.version_id: card for card in rows.order_by("version_id", "-edition").distinct("version_id")}


def _model(version: Version, card: Card | None, state: str) -> dict[str, Any]:
    return {
        "id": model_id(version),
        "name": label(version.model.name),
        "version": f"v{version.number}",
        "state": state,
        "intended_use": prose(version.model.intended_use),
        "weights_sha256": version.weights_digest,
        "card_sha256": card.digest if card else None,
        "card_completeness": _card_share(card) if card else None,
    }


def _card_share(card: Card) -> float | None:
    try:
        return completeness(card.content).share
    except (KeyError, TypeError, AttributeError):
        return None  # a card of another format: not assessed


def _states(window: Window) -> dict[uuid.UUID, str]:
    """How far each version has come: deployed, else requested, else audited, else registered."""
    audited = Evidence.objects.filter(
        kind=AUDIT, created_at__lt=window.until, **window.of("version__model__federation")
    ).order_by("created_at")
    found = {version.id: "registered" for version in window.once(versions)}
    found |= {id: f"audited: {words(verdict)}" for id, verdict in audited.values_list("version_id", "verdict")}
    told: tuple[tuple[list[Any], History], ...] = (
        (window.once(requests_of), window.once(request_histories)),
        (window.once(deployments_of), window.once(deployment_histories)),
    )
    for rows, past in told:
        newest = {row.version_id: row for row in rows}
        found |= {id: words(state_of(row, past)) for id, row in newest.items()}
    return found


# --- training ------------------------------------------------------------------------------------------------------


def runs(window: Window) -> list[TrainingRun]:
    """Runs that were under way at some time of the period."""
    rows = TrainingRun.objects.filter(started_at__lt=window.until, **window.of("federation")).filter(
        Q(finished_at__isnull=True) | Q(finished_at__gte=window.since)
    )
    related = rows.select_related("version__model").prefetch_related("federation__participants__institution")
    return list(related.order_by("started_at"))


def run_histories(window: Window) -> History:
    return history(window.once(runs), window.until)


def training_runs(window: Window) -> list[dict[str, Any]]:
    found, past = window.once(runs), window.once(run_histories)
    return [_run(run, state_of(run, past), window) for run in found]


def done_rounds(run: TrainingRun, window: Window) -> list[Round]:
    return window.once(_rounds).get(run.id, [])


def _rounds(window: Window) -> dict[uuid.UUID, list[Round]]:
    found: dict[uuid.UUID, list[Round]] = {}
    rows = Round.objects.filter(run__in=window.once(runs), state=Round.State.DONE, finished_at__lt=window.until)
    for row in rows.order_by("number"):
        found.setdefault(row.run_id, []).append(row)
    return found


def _run(run: TrainingRun, state: str, window: Window) -> dict[str, Any]:
    rounds = done_rounds(run, window)
    names = {p.site: str(p.institution) for p in run.federation.participants.all()}
    version = getattr(run, "version", None)
    return {
        "id": identifier("RUN", run.id),
        "model": label(version or run.name),
        "strategy": label(run.config.get("strategy")),
        "state": state,
        "rounds_planned": run.config.get("rounds", len(rounds)),
        "rounds_completed": len(rounds),
        "sites": [label(names.get(site, site)) for site in sorted(run.config.get("data_digests", {}))],
        "started_at": instant(run.started_at),  # type: ignore[arg-type]
        "finished_at": instant(run.finished_at) if run.finished_at and run.finished_at < window.until else None,
        "privacy": _privacy(run, rounds),
        "config_sha256": run.config_hash,
    }


def _privacy(run: TrainingRun, rounds: list[Round]) -> dict[str, Any] | None:
    """What the site that spent most has spent; the budget, and said so, where no spending was recorded."""
    dp = (run.config.get("local") or {}).get("dp")
    if dp is None:
        return None
    mechanism = f"DP-SGD, noise multiplier {dp.get('noise_multiplier', '?')}, clipped at {dp.get('max_grad_norm', '?')}"
    spent = [value for value in (rounds[-1].metrics.get("epsilon") or {}).values() if value] if rounds else [0.0]
    if not spent:
        mechanism += "; the budget, as what was spent is not on record"
    return {
        "epsilon": float(max(spent, default=run.config.get("epsilon_budget") or 0.0)),
        "delta": float(dp.get("delta", 0.0)),
        "mechanism": label(mechanism),
    }


# --- deployments ---------------------------------------------------------------------------------------------------


def deployment_id(deployment: Deployment) -> str:
    return identifier("DEP", deployment.id)


def deployments(window: Window) -> list[dict[str, Any]]:
    past, served = window.once(deployment_histories), _served(window)
    return [
        _deployment(row, state_of(row, past), state_since(row, past), served) for row in window.once(deployments_of)
    ]


def _served(window: Window) -> dict[tuple[uuid.UUID, str], int]:
    """Rows of the period by deployment and kind, added up from the batches that the ledger has, never from the rows."""
    rows = Batch.objects.filter(**window.during("created_at")).order_by()
    if (sites := window.sites()) is not None:
        rows = rows.filter(site__in=sites)
    return {(id, kind): n for id, kind, n in rows.values_list("deployment_id", "kind").annotate(Sum("rows"))}


def _deployment(
    row: Deployment, state: str, since: dt.datetime, served: dict[tuple[uuid.UUID, str], int]
) -> dict[str, Any]:
    participants = row.version.model.federation.participants.all()
    return {
        "id": deployment_id(row),
        "model": label(row.version),
        "institution": label(", ".join(str(p.institution) for p in participants)),
        "kind": str(row.kind),
        "state": state,
        "since": instant(since),
        "predictions": served.get((row.id, "prediction"), 0),
        "outcomes": served.get((row.id, "outcome"), 0),
    }


def sign_off(window: Window) -> list[dict[str, Any]]:
    """Lines to be signed: an ethics officer of each institution that has one, and an administrator."""
    held = Membership.objects.filter(is_active=True, user__is_active=True, role=Role.ETHICS_OFFICER)
    if window.institution:
        held = held.filter(institution=window.institution)
    names = sorted({str(m.institution) for m in held.select_related("institution")})
    lines = [{"role": "Ethics officer", "institution": label(name)} for name in names]
    return [*lines, {"role": "Administrator", "institution": "Platform"}]
