"""An impact assessment as PDF/A-3A and PDF/UA-1, with its content attached as JSON."""

from __future__ import annotations

import hashlib

from django.utils.translation import gettext as _

from audits.typesetting import formats as f
from audits.typesetting.blocks import Block, empty, facts, mono, paragraph, subheading, text
from audits.typesetting.pdf import RenderError, typeset
from core.errors import Conflict
from federation.domain.messages import canonical
from protection.assessments import content_of, facts_of
from protection.domain.texts import missing, sections
from protection.models import ImpactAssessment


def pdf(assessment: ImpactAssessment) -> bytes:
    """The document.

    Raises
    ------
    Conflict
        If typst refuses it.
    """
    attachment = canonical(content_of(assessment))
    document = {
        "cover": _cover(assessment, hashlib.sha256(attachment).hexdigest()),
        "sections": [
            *({"name": s.key, "heading": s.title, "blocks": _text(assessment, s.key, s.article)} for s in sections()),
            {"name": "facts", "heading": "Facts that the platform filled in", "blocks": _facts(assessment)},
        ],
    }
    try:
        return typeset(document, attachment=attachment, pictures={})
    except RenderError as error:
        raise Conflict(_("The PDF cannot be typeset; the page has everything. %(error)s") % {"error": error}) from error


def _cover(assessment: ImpactAssessment, digest: str) -> dict[str, object]:
    signed = assessment.signed_at is not None
    by = f"{f.instant(assessment.signed_at)} by {assessment.signed_by}" if signed else "not yet"
    lacking = missing(assessment.sections)
    notice = None if signed else {"title": "Draft", "text": "Not signed: it decides nothing and may still change."}
    return {
        "title": "Impact assessment", "subtitle": assessment.model.name,
        "document_title": f"Data protection impact assessment: {assessment.model.name}",
        "description": f"GDPR Art. 35, edition {assessment.edition}",
        "running": f"Impact assessment of {assessment.model.name}, edition {assessment.edition}", "notice": notice,
        "blocks": [
            facts(
                ("Edition", text(str(assessment.edition))),
                ("Signed", text(by)),
                ("Review by", text(f.day(assessment.review_on) if assessment.review_on else "not set")),
                ("Sections", text(f"{len(sections()) - len(lacking)} of {len(sections())} written")),
                ("Content's SHA-256", mono(digest)),
            )
        ],
        "date": f.parts(assessment.signed_at or assessment.created_at), "digest": digest, "depth": 1,
    }  # fmt: skip


def _text(assessment: ImpactAssessment, key: str, article: str) -> list[Block]:
    said = (assessment.sections.get(key) or "").strip()
    if not said:
        return [empty(f"Not written yet ({article}).")]
    return [subheading(article), *(paragraph(row) for row in said.split("\n") if row.strip())]


def _facts(assessment: ImpactAssessment) -> list[Block]:
    blocks: list[Block] = []
    for title, lines in facts_of(assessment).items():
        blocks += [subheading(title), *(paragraph(line) for line in lines or ["Nothing is on record."])]
    return blocks
