"""What the platform holds about one patient of a hospital, as JSON and as PDF (GDPR Art. 15(1), (3) and 20)."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from datetime import datetime
from typing import Any

from django.utils import timezone
from django.utils.translation import gettext as _

from accounts.models import User
from audits.runtime.models import Appeal, Outcome, Prediction, Review
from audits.typesetting import formats as f
from audits.typesetting.blocks import Block, empty, facts, paragraph, table, text
from audits.typesetting.pdf import RenderError, typeset
from core.errors import ApplicationError, Conflict
from federation.domain.messages import canonical
from models_registry.models import Deployment
from protection.facts import recipients
from protection.models import SubjectRequest
from protection.requests import predictions_of
from protection.retention import in_force

FORMAT = "qfl-ethics.subject-export/v1"
After = dict[tuple[str, Any, str], list[Any]]  # kind, deployment, case -> what followed
MOST = 5_000  # predictions; more than a patient has
LOGIC = (
    "A statistical model scored the case from what the hospital sent. The score is advice: a clinician decides, may "
    "set it aside, and the decision can be contested before a person at the hospital (GDPR Art. 22(3))."
)
_RIGHTS = (
    "You may ask for rectification, erasure, restriction, object, contest a decision, and complain to a supervisory "
    "authority. Ask your hospital; it knows who you are, the platform does not."
)


def export(request: SubjectRequest, actor: User) -> dict[str, Any]:
    """Everything about the patient of a request. Names nobody but the hospital.

    Raises
    ------
    Forbidden, Conflict
        As `requests.predictions_of`.
    """
    rows = list(predictions_of(request, actor)[: MOST + 1])
    if len(rows) > MOST:
        raise ApplicationError(
            _("Expected at most %(most)s predictions of one patient; there are more. Check the number.")
            % {"most": f"{MOST:,}"}
        )
    deployments = Deployment.objects.select_related("version__model__federation").in_bulk(
        {r.deployment_id for r in rows}
    )
    after = _after(rows)
    return {
        "format": FORMAT, "made_at": timezone.now().isoformat(), "hospital": request.institution.name,
        "purpose": sorted({d.version.model.intended_use for d in deployments.values()}),
        "categories": ["pseudonym", "groups (such as sex and age band)", "score and outcome", "decisions about them"],
        "logic": LOGIC, "rights": _RIGHTS,
        "source": "your hospital's own systems",
        "recipients": recipients({d.version.model.federation_id for d in deployments.values()}),
        "kept_for": next(rule.period for rule in in_force() if rule.record.key == "predictions"),
        "predictions": [_prediction(row, deployments[row.deployment_id], after) for row in rows],
    }  # fmt: skip


def _after(rows: list[Prediction]) -> After:
    """Outcomes, reviews and appeals of these predictions, by kind, deployment and case: three queries."""
    found: After = defaultdict(list)
    if not rows:
        return found
    cases = {"deployment_id__in": {r.deployment_id for r in rows}, "event_key__in": [r.event_key for r in rows]}
    since = min(row.received_at for row in rows)
    for kind, model in (("outcome", Outcome), ("review", Review), ("appeal", Appeal)):
        bound = {"received_at__gte": since} if model is Outcome else {}
        for one in model.objects.filter(**cases, **bound):
            found[kind, one.deployment_id, one.event_key].append(one)
    return found


def _prediction(
    row: Prediction, deployment: Deployment, after: dict[tuple[str, Any, str], list[Any]]
) -> dict[str, Any]:
    def of(kind: str) -> list[Any]:
        return after.get((kind, row.deployment_id, row.event_key), [])

    return {
        "received_at": row.received_at.isoformat(), "site": row.site, "deployment": deployment.name,
        "model": str(deployment.version), "use": deployment.get_kind_display(), "groups": row.attributes,
        "score": row.score, "flagged": row.flagged, "warnings": row.warnings,
        "outcomes": [{"told_at": o.received_at.isoformat(), "label": o.stratum} for o in of("outcome")],
        "reviews": [{"at": r.created_at.isoformat(), "decision": r.decision, "why": r.why} for r in of("review")],
        "appeals": [
            {"filed_at": a.created_at.isoformat(), "state": a.state, "outcome": a.outcome} for a in of("appeal")
        ],
    }  # fmt: skip


def pdf(content: dict[str, Any]) -> bytes:
    """The same as a document, with the JSON attached."""
    attachment = canonical(content)
    digest = hashlib.sha256(attachment).hexdigest()
    cover = {
        "title": "Your data", "subtitle": content["hospital"], "document_title": "Data about one person",
        "description": "Access under GDPR Art. 15", "running": "Data about one person", "notice": None,
        "blocks": [paragraph(content["logic"]), paragraph(content["rights"])],
        "date": f.parts(datetime.fromisoformat(content["made_at"])), "digest": digest, "depth": 1,
    }  # fmt: skip
    sections = [
        {"name": "about", "heading": "About these data", "blocks": [_about(content)]},
        {"name": "predictions", "heading": "Predictions and decisions", "blocks": _table(content["predictions"])},
    ]
    try:
        return typeset({"cover": cover, "sections": sections}, attachment=attachment, pictures={})
    except RenderError as error:
        raise Conflict(_("The PDF cannot be typeset; the JSON has everything. %(error)s") % {"error": error}) from error


def _about(content: dict[str, Any]) -> Block:
    who = [f"{one['name']} ({one['role']})" for one in content["recipients"]]
    return facts(
        ("Purposes", text("; ".join(content["purpose"]) or "none")),
        ("Categories", text("; ".join(content["categories"]))),
        ("Source", text(content["source"])),
        ("Recipients", text("; ".join(who) or "none")),
        ("Kept for", text(content["kept_for"])),
        ("Predictions", text(f.count(len(content["predictions"])))),
    )


def _table(rows: list[dict[str, Any]]) -> list[Block]:
    if not rows:
        return [empty("The platform holds no prediction about this person.")]
    columns = [
        ("When, where", 2.0, "left"),
        ("Model", 2.2, "left"),
        ("Score", 0.9, "right"),
        ("What followed", 2.6, "left"),
    ]
    cells = [
        [
            text(f"{row['received_at'][:16].replace('T', ' ')} UTC, {row['site']}"), text(row["model"]),
            text(f.number(row["score"])), text(_followed(row)),
        ]
        for row in rows
    ]  # fmt: skip
    return [table("Predictions, the oldest first", columns, cells)]


def _followed(row: dict[str, Any]) -> str:
    said = ["flagged" if row["flagged"] else "not flagged"]
    said += [f"outcome told: {one['label']}" for one in row["outcomes"]]
    said += [f"clinician: {one['decision']}" for one in row["reviews"]]
    said += [f"contested: {one['outcome'] or one['state']}" for one in row["appeals"]]
    return "; ".join(said)
