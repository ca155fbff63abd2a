"""What the pages of a version and of its card show."""

from __future__ import annotations

from typing import Any

from django.db.models import QuerySet
from django.utils.translation import gettext as _

from accounts.models import User
from federation.presentation.circuits import circuit_chart
from federation.presentation.model_words import labels_of
from federation.presentation.start import start_words
from models_registry import fails
from models_registry.binding import AUDIT, gate, latest_audit, latest_card
from models_registry.card_facts import privacy_words
from models_registry.card_metrics import VERDICTS, checks_of
from models_registry.cards import completeness
from models_registry.models import Evidence, Version
from models_registry.origins import after, before
from models_registry.policies import manifests_of
from models_registry.presentation import figures, life
from models_registry.presentation.card_page import quantum_rows
from models_registry.presentation.links import THRESHOLDS, evidence_link, link, outside

_KINDS = {
    AUDIT: "Pre-deployment audit",
    "external_audit": "Outside board: checks",
    THRESHOLDS: "Thresholds by group, as proposed",
    "external_finding": "Outside board: finding",
}


def context(version: Version, user: User) -> dict[str, Any]:
    audit, card = latest_audit(version), latest_card(version)
    counted = completeness(card.content) if card else None
    opens = user.may("deployment.view")
    return {
        "subject": version,
        "beside": labels_of(version.config)["baseline"],
        "number": str(version.number),
        "steps": life.steps(version, user),
        "audit": audit,
        "verdict_note": _("of %(n)s checks") % {"n": len(list(checks_of(audit)))} if audit and checks_of(audit) else "",
        "verdict_word": _(Evidence.Verdict(audit.verdict).replace("_", " ").capitalize()) if audit else _("Not yet"),
        "verdict_meaning": VERDICTS[audit.verdict] if audit else "",
        **figures.all_of(version),
        "card": card,
        "completeness": counted,
        "of_required": _("of %(n)s") % {"n": counted.required} if counted else "",
        "evidence": _evidence(version, user),
        "outside": outside(version, user),
        "fails": fails.fails_of(version),
        "opens_audits": user.may("audit.view"),
        "may_browse": user.may("model.view"),
        "checks": list(checks_of(audit)),
        "checks_chart": figures.checks_chart(audit),
        "privacy": privacy_words(version),
        "quantum": quantum_rows(version),
        "circuit": circuit_chart(version.config),
        "manifests": [(str(m.participant), m.digest) for m in manifests_of(version)],
        "gate": gate(version),
        "requests": version.approval_requests.select_related("requested_by") if user.may("approval.view") else (),
        "deployments": [(d, link("deployment", d.id) if opens else "") for d in version.deployments.all()],
        "began": _began(version, user),
        "led_to": [(str(one), link("version", one.id)) for one in _seen(after(version), user)],
        "run_url": link("run", version.run_id) if user.may("federation.view") else "",
        "audits_url": link("audits") if user.may("audit.view") else "",
    }


def _began(version: Version, user: User) -> dict[str, str] | None:
    """The version that it began from, in words; a link only for who may see that one."""
    if (words := start_words(version.config)) == "":
        return None
    source = before(version)
    seen = source is not None and _seen(Version.objects.filter(id=source.id), user).exists()
    return {"words": words, "name": str(source or ""), "url": link("version", source.id) if source and seen else ""}


def _seen(versions: QuerySet[Version], user: User) -> QuerySet[Version]:
    return versions.filter(id__in=Version.objects.for_user(user).values("id"))


def _evidence(version: Version, user: User) -> list[dict[str, Any]]:
    opens = user.may("audit.view")
    return [
        {"row": e, "kind": _KINDS.get(e.kind, e.kind.replace("_", " ")), "url": evidence_link(e) if opens else ""}
        for e in version.evidence.all()
    ]
