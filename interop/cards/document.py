"""One edition of a card as plain text, from which the readable forms are written."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

from models_registry.card_text import Part, parts_of
from models_registry.cards import completeness
from models_registry.models import Card


@dataclass(frozen=True)
class CardDocument:
    """What a reader sees of an edition."""

    name: str  # of the version
    schema: str
    edition: int
    written_at: dt.datetime
    digest: str  # SHA-256 of the canonical content
    weights: str  # SHA-256 of the weights that it speaks of
    synthetic: bool
    stated: int
    required: int
    missing: tuple[str, ...]
    parts: tuple[Part, ...]

    @property
    def facts(self) -> list[tuple[str, str]]:
        return [
            ("Edition", str(self.edition)),
            ("Written", f"{self.written_at:%Y-%m-%d %H:%M:%S} UTC"),
            ("Elements stated", f"{self.stated} of {self.required} that the schema requires"),
            ("SHA-256 of this edition", self.digest),
            ("SHA-256 of the weights", self.weights),
        ]


def document_of(card: Card) -> CardDocument:
    counted = completeness(card.content)
    return CardDocument(
        name=str(card.version),
        schema=card.content["schema"],
        edition=card.edition,
        written_at=card.created_at.astimezone(dt.UTC),
        digest=card.digest,
        weights=card.version.weights_digest,
        synthetic=card.version.model.federation.synthetic,
        stated=counted.stated,
        required=counted.required,
        missing=counted.missing,
        parts=tuple(parts_of(card.content)),
    )
