"""Samples that external auditors closed in the period, with the rate that their findings give."""

from __future__ import annotations

from collections import Counter
from typing import Any

from audits.domain.controls.sampling import LEVEL, seed_of, success_rate
from audits.posthoc import samples
from audits.posthoc.assembly.window import Window, identifier, instant, label
from audits.posthoc.models import AuditSample


def external(window: Window) -> list[dict[str, Any]]:
    """Of the whole platform: controls and decisions are nobody's own, so an institution's edition has them too."""
    closed = AuditSample.objects.filter(state=AuditSample.State.CLOSED, **window.during("closed_at"))
    return [_sample(sample, window) for sample in closed.prefetch_related("items").order_by("closed_at")]


def _sample(sample: AuditSample, window: Window) -> dict[str, Any]:
    items, person = list(sample.items.all()), window.person(sample.auditor_id)
    found, strata = Counter(item.finding for item in items), samples.strata_of(sample, items)
    rate, drawn = success_rate(strata), Counter(item.stratum for item in items)
    return {
        "id": identifier("SMP", sample.id),
        "of": str(sample.kind),
        "auditor": person["actor"],
        "institution": person["institution"],
        "closed_at": instant(sample.closed_at),  # type: ignore[arg-type]
        "population_sha256": sample.population_digest,
        "seed_sha256": seed_of(sample.words, sample.nonce, sample.population_digest).hex(),
        "minor": found["minor"],
        "major": found["major"],
        "not_assessable": found["not_assessable"],
        "strata": [
            {
                "name": label(s.name), "population": s.population, "drawn": drawn[s.name], "assessed": s.assessed,
                "conform": s.conform,
            }
            for s in strata
        ],
        "rate": rate.value if rate else None,
        "low": rate.low if rate else None,
        "high": rate.high if rate else None,
        "level": LEVEL,
    }  # fmt: skip
