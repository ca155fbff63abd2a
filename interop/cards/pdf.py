"""A card as PDF/A-3A and PDF/UA-1, with the edition's canonical JSON attached."""

from __future__ import annotations

from django.utils.translation import gettext as _

from audits.typesetting import formats as f
from audits.typesetting.blocks import Block, Cell, facts, mono, muted, paragraph, stack, subheading, text
from audits.typesetting.pdf import RenderError, typeset
from core.errors import Conflict
from federation.domain.messages import canonical
from interop.cards.document import CardDocument, document_of
from models_registry.card_text import NOT_STATED, Part
from models_registry.models import Card

LONG = 600  # characters


def pdf(card: Card) -> bytes:
    """The PDF of an edition.

    Raises
    ------
    Conflict
        If typst refuses it; the other forms have everything.
    """
    shown = document_of(card)
    document = {
        "cover": _cover(shown),
        "sections": [
            {"name": part.name.lower(), "heading": part.title, "blocks": _blocks(part)} for part in shown.parts
        ],
    }
    try:
        return typeset(document, attachment=canonical(card.content), pictures={})
    except RenderError as error:
        raise Conflict(
            _("The PDF cannot be typeset; the other forms have everything. %(error)s") % {"error": error}
        ) from error


def _cover(card: CardDocument) -> dict[str, object]:
    return {
        "title": "Model card",
        "subtitle": card.name,
        "document_title": f"Model card: {card.name}",
        "description": f"Edition {card.edition}, under the headings of the {card.schema}",
        "running": f"Model card of {card.name}, edition {card.edition}",
        "notice": None,
        "blocks": [
            *([paragraph("The data are synthetic: no patient is described.")] if card.synthetic else []),
            facts(*((term, mono(value) if term.startswith("SHA") else text(value)) for term, value in card.facts)),
            *([paragraph(f"Not stated: {'; '.join(card.missing)}.")] if card.missing else []),
        ],
        "date": f.parts(card.written_at),
        "digest": card.digest,
        "depth": 1,
    }


def _blocks(part: Part) -> list[Block]:
    """A long text gets paragraphs of its own: a row of facts is never broken over pages."""
    blocks: list[Block] = []
    rows: list[tuple[str, Cell]] = []
    for line in part.lines:
        title, said = line.element.title, line.text
        if said is None or len(said) <= LONG:
            rows.append((title, muted(NOT_STATED) if said is None else stack(*map(text, said.split("\n")))))
            continue
        if rows:
            blocks.append(facts(*rows))
        blocks += [subheading(title), *(paragraph(row) for row in said.split("\n") if row.strip())]
        rows = []
    if rows:
        blocks.append(facts(*rows))
    return blocks
