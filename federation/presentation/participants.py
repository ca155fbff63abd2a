"""What the sites of a federation say they hold."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from federation.models import DataManifest, Federation, Participant
from federation.presentation.charts import attribute_words


@dataclass(frozen=True)
class GroupCounts:
    """Patients of a site by one attribute."""

    attribute: str  # in words
    counts: tuple[tuple[str, int], ...]


@dataclass(frozen=True)
class HeldData:
    """One site and its latest data manifest; without one, everything but the participant is empty."""

    participant: Participant
    manifest: DataManifest | None
    patients: int | None = None
    rows: int | None = None
    used: int | None = None
    found: int | None = None
    imputed: tuple[tuple[str, int], ...] = ()  # feature -> values filled in
    refused: tuple[tuple[str, int], ...] = ()  # reason -> records left out
    notes: tuple[str, ...] = ()
    groups: tuple[GroupCounts, ...] = ()


def held_by(federation: Federation) -> list[HeldData]:
    """All sites of a federation with their latest manifests, in two queries."""
    participants = list(federation.participants.select_related("institution"))
    latest = {
        manifest.participant_id: manifest
        for manifest in DataManifest.objects.filter(participant__in=participants)
        .order_by("participant_id", "-created_at")
        .distinct("participant_id")
    }
    return [_held(participant, latest.get(participant.id)) for participant in participants]


def _held(participant: Participant, manifest: DataManifest | None) -> HeldData:
    if manifest is None:
        return HeldData(participant, None)
    content, report = manifest.content, manifest.content["report"]
    return HeldData(
        participant=participant,
        manifest=manifest,
        patients=content["n_patients"],
        rows=content["n_rows"],
        used=report["used"],
        found=report["found"],
        imputed=_pairs(report["imputed"]),
        refused=_pairs(report["refused"]),
        notes=tuple(report["notes"]),
        groups=tuple(
            GroupCounts(attribute_words(name), _pairs(counts)) for name, counts in sorted(content["groups"].items())
        ),
    )


def _pairs(counts: Mapping[str, Any]) -> tuple[tuple[str, int], ...]:
    return tuple(sorted(counts.items()))
