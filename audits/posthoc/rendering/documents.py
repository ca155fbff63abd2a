"""The report as documents: a PDF/A-3A + PDF/UA-1 file with its JSON attached, and one HTML file."""

import hashlib
from collections.abc import Mapping
from typing import Any

import rfc8785

from audits.typesetting.blocks import Block
from audits.typesetting.html import as_html
from audits.typesetting.pdf import Picture, RenderError, picture, typeset

from .validation import parse
from .view import NUMBERS, lay_out


def report_bytes(report: dict[str, Any]) -> bytes:
    """The report as canonical JSON (RFC 8785): what is digested, signed and attached.

    Raises
    ------
    RenderError
        If a value has no canonical form, e.g. NaN or an integer beyond 2**53.
    """
    try:
        return rfc8785.dumps(report)
    except rfc8785.CanonicalizationError as error:
        raise RenderError(f"the report has no canonical JSON: {error}") from error


def report_digest(report: dict[str, Any]) -> str:
    """SHA-256 of `report_bytes`, in hexadecimal."""
    return hashlib.sha256(report_bytes(report)).hexdigest()


def render_pdf(report: dict[str, Any], *, charts: Mapping[str, str], base: str = "") -> bytes:
    """Draw a report. The same arguments give the same bytes, on any machine.

    Parameters
    ----------
    report : dict
        A report as JSON types, as `complete` returns it.
    charts : mapping from place to SVG
        The place is a section name, alone or with a suffix ("audits", "audits.gaps"); charts of a section keep the
        order of the mapping. What an SVG must have: `audits.typesetting.pdf.picture`.
    base : str
        Address of the platform, for links to the ledger's pages.

    Returns
    -------
    bytes
        PDF/A-3A and PDF/UA-1, with `report_bytes(report)` attached as "report.json".

    Raises
    ------
    ReportInvalid
        If the report is not valid.
    RenderError
        If a chart cannot be used or the document cannot be compiled.
    """
    document, pictures, attachment = _laid_out(report, charts, base)
    return typeset(document, attachment=attachment, pictures=pictures)


def render_html(report: dict[str, Any], *, charts: Mapping[str, str], base: str = "") -> bytes:
    """The same document as one HTML file; the arguments are those of `render_pdf`."""
    document, pictures, _ = _laid_out(report, charts, base)
    return as_html(document, pictures=pictures)


def _laid_out(
    report: dict[str, Any], charts: Mapping[str, str], base: str
) -> tuple[dict[str, Any], dict[str, Picture], bytes]:
    typed = parse(report)
    attachment = report_bytes(report)
    pictures = {place: picture(place, svg, number=i) for i, (place, svg) in enumerate(charts.items())}
    placed: dict[str, list[Block]] = {}
    for place, shown in pictures.items():
        section = place.partition(".")[0]
        if section not in NUMBERS:
            raise RenderError(f"chart {place!r}: expected a place in one of {', '.join(NUMBERS)}")
        placed.setdefault(section, []).append(shown.block)
    document = lay_out(typed, digest=hashlib.sha256(attachment).hexdigest(), charts=placed, base=base)
    return document, pictures, attachment
