"""The report as a PDF/A-3A + PDF/UA-1 file with its JSON attached."""

import hashlib
import re
from collections.abc import Mapping
from importlib import resources
from typing import Any, cast
from xml.etree.ElementTree import Element

import defusedxml.ElementTree
import rfc8785
import typst
from defusedxml import DefusedXmlException

from .glyphs import breakable, displayable
from .validation import parse
from .view import NUMBERS, Chart, lay_out

ATTACHMENT = "report.json"
STANDARDS: Any = ["a-3a", "ua-1"]
SVG = "{http://www.w3.org/2000/svg}"


class RenderError(ValueError):
    """The report is valid but cannot be drawn: a chart is unusable, or typst refused the document."""


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


def render_pdf(report: dict[str, Any], *, charts: Mapping[str, str]) -> bytes:
    """Draw a report. The same arguments give the same bytes, on any machine.

    Parameters
    ----------
    report : dict
        A report as JSON types, as `complete` returns it.
    charts : mapping from place to SVG
        The place is a section name, alone or with a suffix ("audits", "audits.gaps"); charts of a section keep the
        order of the mapping. An SVG needs `title` (shown as caption) and `desc` (with the title, the alternative
        text), stands alone (no links to other files) and has its own colours (custom properties have no value here).

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
    typed = parse(report)
    attachment = report_bytes(report)
    placed, pictures = _place(charts)
    document = lay_out(typed, digest=hashlib.sha256(attachment).hexdigest(), charts=placed)
    files = {
        "main": resources.files(__package__).joinpath("biannual.typ").read_bytes(),
        "document.json": rfc8785.dumps(_displayable(document)),
        ATTACHMENT: attachment,
        **pictures,
    }
    return _compile(files)


def _compile(files: dict[str, bytes]) -> bytes:
    """Compile files held in memory: user text reaches typst as JSON data, never as source."""
    try:
        # The stubs of typst 0.15 know only paths and bytes; the module itself takes a mapping of files.
        pdf = typst.compile(
            cast(Any, files), format="pdf", pdf_standards=STANDARDS, ignore_system_fonts=True, timestamp=0
        )
    except typst.TypstError as error:
        raise RenderError(f"typst refused the document: {error.diagnostic or error}") from error
    except BaseException as error:
        # A panic inside typst arrives as PyO3's PanicException, which is no Exception; all else passes on.
        if type(error).__name__ != "PanicException":
            raise
        raise RenderError(f"typst failed inside on this document: {error}") from error
    if not isinstance(pdf, bytes):
        raise RenderError(f"expected the bytes of a PDF from typst, got {type(pdf).__name__}")
    return pdf


def _displayable(part: Any) -> Any:
    """The document with every text made showable and every long word breakable."""
    if isinstance(part, str):
        return breakable(displayable(part))
    if isinstance(part, Mapping):
        if part.get("kind") == "code":  # shown verbatim; its writer keeps the lines short
            return {key: displayable(value) for key, value in part.items()}
        return {key: _displayable(value) for key, value in part.items()}
    if isinstance(part, list | tuple):
        return [_displayable(value) for value in part]
    return part


def _place(charts: Mapping[str, str]) -> tuple[dict[str, list[Chart]], dict[str, bytes]]:
    """Check each chart and give it a file name of ours; the caller's names never become paths."""
    placed: dict[str, list[Chart]] = {}
    pictures: dict[str, bytes] = {}
    for i, (place, svg) in enumerate(charts.items()):
        section = place.partition(".")[0]
        if section not in NUMBERS:
            raise RenderError(f"chart {place!r}: expected a place in one of {', '.join(NUMBERS)}")
        title, description = _words(place, svg)
        name = f"chart-{i}.svg"
        placed.setdefault(section, []).append(Chart(file=name, title=title, alt=f"{title}. {description}"))
        pictures[name] = displayable(svg).encode()
    return placed, pictures


def _words(place: str, svg: str) -> tuple[str, str]:
    """Title and description of an SVG that stands alone."""
    try:
        root: Element = defusedxml.ElementTree.fromstring(svg)
    except (SyntaxError, DefusedXmlException) as error:
        raise RenderError(f"chart {place!r}: expected SVG, got {error}") from error
    if root.tag != f"{SVG}svg":
        raise RenderError(f"chart {place!r}: expected an svg element in the SVG namespace, got {root.tag!r}")
    for element in root.iter():
        links = [value for name, value in element.attrib.items() if name.endswith("href")]
        if element.tag == f"{SVG}image" or any(not link.startswith("#") for link in links):
            raise RenderError(f"chart {place!r}: expected no links to other files, got one in {element.tag!r}")
    title, description = (" ".join((root.findtext(f"{SVG}{tag}") or "").split()) for tag in ("title", "desc"))
    if not title or not description:
        raise RenderError(f"chart {place!r}: expected a title and a desc element, for those who cannot see it")
    return re.sub(r"\.$", "", title), description
