"""What a report says, as plain JSON: the audit's rows, put in order, with the digests that hold them together."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from django.utils.translation import gettext as _

from audits.predeployment import cost, presentation, results
from audits.predeployment.models import AuditRun
from core.errors import Conflict
from core.spoken import inside
from federation.presentation.model_words import label_of
from provenance.domain.commit import parse_leaf
from provenance.models import Body, Entry
from provenance.reading import entries_about

SCHEMA = "qfl-ethics/audit-report/1"


def report_of(audit: AuditRun) -> dict[str, Any]:
    """The report of a finished audit. No names of people: who asked stands there by pseudonym, as in the ledger.

    Raises
    ------
    Conflict
        If there is nothing that could be reported, with the reason.
    """
    page = _page(audit)
    started, finished = _entries(audit)
    return {
        "schema": SCHEMA,
        "audit": {
            "id": str(audit.id), "tier": audit.tier, "verdict": audit.verdict, "explanation": page["explanation"],
            "allows": page["allows"], "started_at": audit.created_at.isoformat(),
            "finished_at": audit.finished_at.isoformat() if audit.finished_at else None, "digest": audit.digest,
            "asked_by": parse_leaf(bytes(started.leaf)).actor,
        },
        "ledger": {name: _entry(entry) for name, entry in (("started", started), ("finished", finished))},
        "model": _model(audit),
        "policy": _policy(audit),
        "digest_covers": results.canonical_results(audit, [view.row for view in page["views"]]),
        "principles": [
            {
                "id": part.id, "name": part.name, "asks": part.asks, "outcome": part.state, "words": part.label,
                "deciding": [view.row.check_id for view in part.deciding],
                "informing": [view.row.check_id for view in part.informing],
            }
            for part in page["principles"]
        ],
        "checks": [
            {
                "sha256": view.row.digest, "outcome": view.state, "words": view.label, "seconds": view.row.seconds,
                "content": results.content_of(view.row),
            }
            for part in page["principles"] for view in part.checks
        ],
        "side_by_side": [asdict(pair) for pair in page["pairs"]], "guide": page["guide"],
        "answers": page["answers"],
        "cost": page["cost"],
    }  # fmt: skip


def _page(audit: AuditRun) -> dict[str, Any]:
    """What the audit's page shows; a report never says anything else."""
    if audit.state != AuditRun.State.FINISHED:
        raise Conflict(
            _("There is a report of finished audits only; this one is %(state)s.")
            % {"state": inside(audit.get_state_display())}
        )
    if results.digest_now(audit) != audit.digest:
        raise Conflict("The results on record no longer have the audit's digest, so no report is made of them.")
    return presentation.results_of(audit) | {"cost": cost.spent(audit)}


def _entries(audit: AuditRun) -> tuple[Entry, Entry]:
    """The ledger's entries of the audit's start and end."""
    about = entries_about(audit.id)
    ends = Body.objects.filter(entry__in=about, action="audit.finish").order_by("entry_id").select_related("entry")
    started, finished = about.order_by("seq").first(), ends.first()
    if started is None or finished is None:
        raise Conflict("The ledger has not taken in the end of this audit yet; ask again in a few seconds.")
    return started, finished.entry


def _entry(entry: Entry) -> dict[str, Any]:
    return {"entry": entry.seq, "leaf_hash": bytes(entry.leaf_hash).hex()}


def _model(audit: AuditRun) -> dict[str, Any]:
    version = audit.version
    config = version.config
    return {
        "version": str(version.id), "name": str(version), "federation": version.model.federation.name,
        "task": config["task"], "quantum": config["models"]["primary"]["kind"],
        "classical_twin": config["models"]["baseline"]["kind"], "beside": label_of(config, "baseline"),
        "config_sha256": version.config_hash,
        "weights_sha256": version.weights_digest, "baseline_weights_sha256": version.baseline_digest,
        **({"begins_from": config["start"]} if config.get("start") else {}),
    }  # fmt: skip


def _policy(audit: AuditRun) -> dict[str, Any]:
    approved = audit.approved_policy
    return {
        "name": str(approved) if approved else None, "sha256": approved.content_digest if approved else None,
        "fixed": audit.policy,
    }  # fmt: skip
