"""What the stages of a masked run share: the orders of a stage, who answered, and how the sites are asked."""

from __future__ import annotations

from typing import Any

from federation import mailbox
from federation.domain.secure.config import SecurityConfig
from federation.models import Participant, SiteOrder, TrainingRun


def security_of(run: TrainingRun) -> SecurityConfig | None:
    raw = run.config.get("security")
    return None if raw is None else SecurityConfig.from_dict(raw)


def masks_of(run: TrainingRun) -> SecurityConfig:
    """The security part of a run that has one: masked runs do."""
    security = security_of(run)
    if security is None:
        raise ValueError(f"expected a run with secure aggregation, got {run}")
    return security


def is_masked(run: TrainingRun) -> bool:
    security = security_of(run)
    return security is not None and security.masking


def orders_of(subject: Any, kind: str, *, purpose: str = "") -> list[SiteOrder]:
    """The orders of one stage."""
    found = SiteOrder.objects.filter(subject=subject, kind=kind).select_related("participant__institution")
    return [order for order in found if not purpose or order.body.get("purpose") == purpose]


def answered_of(orders: list[SiteOrder]) -> dict[str, SiteOrder]:
    """Site to its order, of those that were answered."""
    return {order.participant.site: order for order in orders if order.state == SiteOrder.State.ANSWERED}


def ask(run: TrainingRun, subject: Any, participant: Participant, kind: str, name: str, body: dict) -> None:
    mailbox.order_create(
        participant=participant, kind=kind, key=f"{run.id}:{name}", subject=subject, attachments={},
        body={"run": str(run.id), "config": run.config, "config_hash": run.config_hash, **body},
    )  # fmt: skip


def ciphertexts_of(run: TrainingRun) -> dict[str, dict[str, Any]]:
    """For each site, what was encapsulated for it by those before it."""
    out: dict[str, dict[str, Any]] = {}
    for order in orders_of(run.id, "secure_pairs"):
        for peer, text in (order.answer or {}).get("ciphertexts", {}).items():
            out.setdefault(peer, {})[order.participant.site] = text
    return out
