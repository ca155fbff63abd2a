"""A document, laid out as sections of blocks, as a PDF/A-3A + PDF/UA-1 file with its JSON attached."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import resources
from typing import Any, cast
from xml.etree.ElementTree import Element

import defusedxml.ElementTree
import rfc8785
from defusedxml import DefusedXmlException

from .blocks import Block
from .glyphs import breakable, displayable

ATTACHMENT = "report.json"
STANDARDS: Any = ["a-3a", "ua-1"]
SVG = "{http://www.w3.org/2000/svg}"


class RenderError(ValueError):
    """What is to be drawn is valid but cannot be drawn: a chart is unusable, or typst refused the document."""


@dataclass(frozen=True)
class Picture:
    """An SVG that stands alone, under the name by which the document asks for it, and its words."""

    file: str
    title: str
    alt: str
    svg: str

    @property
    def block(self) -> Block:
        return {"kind": "chart", "file": self.file, "title": self.title, "alt": self.alt}


def picture(place: str, svg: str, *, number: int) -> Picture:
    """Check a chart and give it a file name of ours; the caller's names never become paths.

    Parameters
    ----------
    place : str
        Where the chart belongs, for the error's text.
    svg : str
        It needs `title` (shown as caption) and `desc` (with the title, the alternative text), stands alone (no links
        to other files) and has its own colours (custom properties have no value here).

    Raises
    ------
    RenderError
        If the SVG cannot be used.
    """
    title, description = _words(place, svg)
    return Picture(f"chart-{number}.svg", title, f"{title}. {description}", displayable(svg))


def typeset(document: Mapping[str, Any], *, attachment: bytes, pictures: Mapping[str, Picture]) -> bytes:
    """Draw a document. The same arguments give the same bytes, on any machine.

    Parameters
    ----------
    document : mapping
        cover and sections, as `report.typ` describes them; the blocks are those of `blocks`.
    attachment : bytes
        The canonical JSON that the document was made from, attached as "report.json".
    pictures : mapping of place to Picture
        Every picture that a chart block of the document names.

    Raises
    ------
    RenderError
        If the document cannot be compiled.
    """
    files = {
        "main": resources.files(__package__).joinpath("report.typ").read_bytes(),
        "document.json": rfc8785.dumps(_displayable(document)),
        ATTACHMENT: attachment,
        **{shown.file: shown.svg.encode() for shown in pictures.values()},
    }
    return compiled(files)


def compiled(files: dict[str, bytes]) -> bytes:
    """Compile files held in memory: user text reaches typst as JSON data, never as source."""
    import typst  # pages name this module and typeset nothing: they need not load the compiler

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
        return {key: value if key == "target" else _displayable(value) for key, value in part.items()}  # of a link
    if isinstance(part, list | tuple):
        return [_displayable(value) for value in part]
    return part


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
