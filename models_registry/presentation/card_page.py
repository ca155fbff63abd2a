"""What the pages of a card show: each part in words, where a generated part comes from, and what is missing."""

from __future__ import annotations

from typing import Any

from django.utils.translation import gettext as _

from accounts.models import User
from federation.presentation.circuits import circuit_chart
from federation.presentation.model_words import label_of, labels_of
from models_registry.binding import latest_audit
from models_registry.card_facts import KINDS, quantum_facts
from models_registry.card_schema import KEY_METRICS, METRIC_ELEMENTS, QUANTUM, SOURCES, Element
from models_registry.card_text import parts_of, text_of
from models_registry.cards import completeness
from models_registry.models import Card, Version
from models_registry.presentation import figures
from models_registry.presentation.links import evidence_link, link

BESIDE = (QUANTUM.name, "boundaries", "privacy")  # parts with panels of their own


def quantum_rows(version: Version) -> list[tuple[str, object]]:
    """The circuit's facts as terms and values; empty if no part of the model is quantum."""
    facts = quantum_facts(version)
    if facts is None:
        return []
    return [
        *((e.title, text_of(facts.get(e.name), e.name)) for e in QUANTUM.elements if e.name in facts),
        ("Parameters of the whole model", version.circuit["n_parameters"]),
        (label_of(version.config, "baseline"), KINDS.get(facts["baseline"]["kind"], facts["baseline"]["kind"])),
    ]


def card_context(version: Version, card: Card, user: User) -> dict[str, Any]:
    content = card.content
    counted = completeness(content)
    urls = _source_urls(version, user)
    parts = parts_of(content)
    publication = version.publications.filter(withdrawn_at=None).select_related("card").first()
    return {
        "subject": version,
        "beside": labels_of(version.config)["baseline"],
        "card": card,
        "sections": [
            {"title": part.title, "rows": [_row(line.element, line.text, urls) for line in part.lines]}
            for part in parts
            if part.name not in KEY_METRICS and part.name not in BESIDE
        ],
        "metrics": [_metric(title, content["KeyMetrics"][name]) for name, title in KEY_METRICS.items()],
        "completeness": counted,
        "counted": _("%(stated)s of %(required)s required elements")
        % {
            "stated": counted.stated,
            "required": counted.required,
        },
        "quantum": quantum_rows(version),
        "circuit": circuit_chart(version.config),
        "twins": figures.overall(version),
        "privacy": content["privacy"],
        "evidence_url": urls["audit"],
        "editions": version.cards.select_related("written_by"),
        "is_latest": card.edition == version.cards.count(),
        "publication": publication,
        "is_public": publication is not None and publication.card_id == card.id,
        "public_url": link("public_card", publication.id) if publication else "",
        "exports": _exports(version, card),
        "may_edit": user.may("card.edit"),
        "may_publish": user.may("card.publish"),
    }


def _row(element: Element, text: str | None, urls: dict[str, str]) -> dict[str, Any]:
    """One element: `source` says what it was taken from, `url` opens that; both empty for what a person wrote."""
    words = ""
    if element.written:
        words = _("written by people")
    elif element.source:
        words = _("from %(source)s") % {"source": _(SOURCES[element.source])}
    return {
        "title": element.title, "text": text, "required": element.required, "source": words if text else "",
        "url": urls.get(element.source, ""),
    }  # fmt: skip


def _source_urls(version: Version, user: User) -> dict[str, str]:
    audit = latest_audit(version)
    run = link("run", version.run_id) if user.may("federation.view") else ""
    return {
        "version": link("version", version.id),
        "run": run,
        "manifests": run,
        "audit": evidence_link(audit) if audit and user.may("audit.view") else "",
        "federation": link("federation", version.model.federation_id) if user.may("federation.view") else "",
    }


def _metric(title: str, metric: dict[str, Any]) -> dict[str, Any]:
    rows = [(e.title, metric.get(e.name)) for e in METRIC_ELEMENTS if e.name != "Results"]
    results = [(r["label"], r["value"]) for r in metric.get("Results") or []]
    return {"title": title, "rows": rows, "results": results}


def _exports(version: Version, card: Card) -> list[tuple[str, str]]:
    """Names and addresses of the forms in which the edition may be taken away; none where those pages are not there."""
    named = (
        ("pdf", "PDF"), ("html", "HTML"), ("md", "Markdown"), ("xml", "CHAI XML"), ("cdx.json", "CycloneDX ML-BOM"),
        ("json", "JSON"), ("sig", "Signature of the weights (OpenSSF)"), ("pem", "Key of that signature"),
    )  # fmt: skip
    found = [(title, link("card_export", version.id, card.edition, kind)) for kind, title in named]
    return [(title, url) for title, url in found if url]
