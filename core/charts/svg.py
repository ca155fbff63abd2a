"""What every chart is made of: the result, the two palettes, escaping, and the text of numbers."""

from __future__ import annotations

import datetime as dt
import hashlib
import itertools
import math
import re
import textwrap
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

from django.utils.html import escape
from django.utils.safestring import SafeString, mark_safe

from core.spoken import spoken

Palette = Literal["screen", "print"]
Size = Literal["m", "s"]

WIDTHS: dict[str, int] = {"m": 680, "s": 400}
CHARACTER = 7.0  # width of an average character of the label font, in user units; the broadest fallback font fits
BOLD = 1.15  # and how much more a bold one takes
LEADING = 13.0  # from line to line of one label
NOT_MEASURED = "not measured"

# XML 1.0 has no way to write these, not even escaped, and typst's parser refuses a file that holds one.
_UNPRINTABLE = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ud800-\udfff\ufffe\uffff]")

_FONT = {"font-family": "'Noto Sans', 'DejaVu Sans', 'Liberation Sans', Arial, sans-serif", "font-size": "11"}
_COLOURS = {
    **{"s1": "#0b5a73", "s2": "#b3470f", "s3": "#6a3fa0", "s4": "#2b7a3d", "s5": "#a02864", "s6": "#6b6200"},
    **{"t-pass": "#1d7a4b", "t-fail": "#c22a35", "t-warn": "#a86a00", "t-info": "#1f6cb8", "t-halt": "#8a0f3c"},
    **{"t-muted": "#6c7b86", "t-plain": "#6c7b86"},
}
_TEXT, _QUIET, _FAIL, _MARK = "#14212a", "#4a5a66", "#a01b26", "#0b5a73"
# The print twin of static/css/data.css; {c} is the colour of the series or tone class beside it.
_PRINT: dict[str, dict[str, str]] = {
    "c-text": {"fill": _QUIET},
    "c-strong": {"fill": _TEXT, "font-weight": "600"},
    "c-label": {"fill": _TEXT},
    "c-empty": {"fill": _QUIET},
    "c-frame": {"fill": "#f6f8f9", "stroke": "#c5d0d6", "stroke-dasharray": "5 4"},
    "c-grid": {"stroke": "#dde4e8", "stroke-width": "0.8"},
    "c-axis": {"stroke": "#71808b", "stroke-width": "1"},
    "c-threshold": {"stroke": "#c22a35", "stroke-width": "1.4", "stroke-dasharray": "7 4"},
    "c-threshold-text": {"fill": _FAIL, "font-weight": "600"},
    "c-allowed": {"fill": "#e9f5ee"},
    "c-stripe": {"fill": "#f4f6f8"},
    "c-line": {"fill": "none", "stroke": "{c}", "stroke-width": "2", "stroke-linejoin": "round"},
    "c-band": {"fill": "{c}", "fill-opacity": "0.16"},
    "c-mark": {"fill": "{c}", "stroke": "#ffffff", "stroke-width": "1"},
    "c-series-text": {"fill": "{c}", "font-weight": "600"},
    "c-leader": {"fill": "none", "stroke": "{c}", "stroke-width": "0.8", "stroke-opacity": "0.5"},
    "c-whisker": {"fill": "none", "stroke": "{c}", "stroke-width": "1.8"},
    "c-bar": {"fill": "{c}"},
    "c-hist": {"fill": "#8a98a3"},
    "c-tail": {"fill": "#a86a00"},
    "c-observed": {"stroke": _MARK, "stroke-width": "2.2"},
    "c-observed-text": {"fill": _MARK, "font-weight": "600"},
    "c-tone-text": {"fill": "{c}", "font-weight": "600"},
    "c-event": {"stroke": "{c}", "stroke-width": "1.4", "stroke-dasharray": "3 2"},
}


@dataclass(frozen=True)
class Table:
    """The data behind a drawing, as text: every row has as many cells as there are headers."""

    headers: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...] = ()


@dataclass(frozen=True)
class Chart:
    """A drawing, what it says in words, and its data."""

    svg: SafeString
    title: str
    description: str
    table: Table


@dataclass
class Canvas:
    """Collects SVG elements. `role` names what an element is; the palette decides how that looks."""

    width: float
    height: float
    palette: Palette = "screen"
    parts: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        if self.palette not in ("screen", "print"):
            raise ValueError(f"expected the palette 'screen' or 'print', got {self.palette!r}")

    def look(self, role: str) -> str:
        if self.palette == "screen":
            return f' class="{role}"'
        names = role.split()
        colour = next((_COLOURS[name] for name in names if name in _COLOURS), _TEXT)
        merged = {key: value.format(c=colour) for name in names for key, value in _PRINT.get(name, {}).items()}
        return "".join(f' {key}="{value}"' for key, value in merged.items())

    def said(self, words: str, **named: object) -> str:
        """Words of ours, for a reader of a page in their language; `named` fills their places."""
        return said(words, self.palette) % named if named else said(words, self.palette)

    def shape(self, tag: str, role: str, **attributes: float | str) -> None:
        written = "".join(
            f' {key.replace("_", "-")}="{at(value) if not isinstance(value, str) else value}"'
            for key, value in attributes.items()
        )
        self.parts.append(f"<{tag}{self.look(role)}{written}/>")

    def line(self, role: str, x1: float, y1: float, x2: float, y2: float) -> None:
        self.shape("line", role, x1=x1, y1=y1, x2=x2, y2=y2)

    def text(self, role: str, x: float, y: float, words: str, anchor: str = "start", turn: bool = False) -> None:
        font = "".join(f' {k}="{v}"' for k, v in _FONT.items()) if self.palette == "print" else ""
        turned = f' transform="rotate(-90 {at(x)} {at(y)})"' if turn else ""
        placed = f' x="{at(x)}" y="{at(y)}" text-anchor="{anchor}"{turned}{font}'
        words = self.said(words) if words == NOT_MEASURED else words
        self.parts.append(f"<text{self.look(role)}{placed}>{clean(words)}</text>")

    def lines(self, role: str, x: float, middle: float, lines: Sequence[str]) -> None:
        """Lines of text under each other, centred on a height."""
        for number, words in enumerate(lines):
            self.text(role, x, middle + LEADING * (number - (len(lines) - 1) / 2), words)

    def finish(self, *, title: str, description: str, table: Table, size: str, key: str) -> Chart:
        """The drawing, named for assistive technology by its own title and description."""
        body = "".join(self.parts)
        rows = tuple(tuple(self.said(c) if c == NOT_MEASURED else c for c in row) for row in table.rows)
        table = Table(table.headers, rows)
        # The ids come from the content, so that they are stable; two equal charts on a page are told apart by `key`.
        stem = "plot-" + hashlib.sha256(f"{key}|{title}|{description}|{body}".encode(errors="replace")).hexdigest()[:10]
        named = "" if self.palette == "print" else f' class="plot plot--{size}" focusable="false"'
        svg = (
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {at(self.width)} {at(self.height)}" '
            f'width="{at(self.width)}" height="{at(self.height)}"{named} role="img" '
            f'aria-labelledby="{stem}-t {stem}-d"><title id="{stem}-t">{clean(title)}</title>'
            f'<desc id="{stem}-d">{clean(description)}</desc>{body}</svg>'
        )
        return Chart(mark_safe(svg), title, description, table)  # noqa: S308 (all text went through clean)

    def no_data(self, *, title: str, description: str, headers: Sequence[str], size: str, key: str) -> Chart:
        """The state of a chart before anything was measured: small, so that it fits a phone and claims no room."""
        self.parts.clear()
        self.width, self.height, size = WIDTHS["s"], 130, "s"
        self.shape("rect", "c-frame", x=1, y=1, width=self.width - 2, height=self.height - 2, rx=8)
        self.text("c-empty", self.width / 2, self.height / 2 + 4, self.said("No data yet"), "middle")
        told = f"{self.said('No data yet.')} {description}".strip()
        return self.finish(title=title, description=told, table=Table(tuple(headers)), size=size, key=key)


def said(words: str, palette: Palette) -> str:
    """Words of ours as a page says them, in the reader's language; documents, which are printed, are English."""
    return words if palette == "print" else str(spoken(words))


def clean(words: object) -> str:
    """Text for an SVG element: markup escaped, characters that XML cannot hold removed."""
    return str(escape(_UNPRINTABLE.sub("", str(words))))


def at(value: float) -> str:
    """A coordinate: one decimal, no trailing zero, never "-0"."""
    text = f"{value:.1f}".removesuffix(".0")
    return "0" if text == "-0" else text


def finite(value: object) -> float | None:
    """A measured number, or None for what is not one: None, NaN, an infinity, text that is no number."""
    if value is None or isinstance(value, bool):
        return None
    try:
        number = float(value)  # type: ignore[arg-type]
    except (TypeError, ValueError):
        return None
    return number if math.isfinite(number) else None


def number(value: object) -> str:
    """A value for a reader: four significant digits, thousands separated, a true minus sign."""
    measured = finite(value)
    if measured is None:
        return NOT_MEASURED
    size = abs(measured)
    if measured == int(measured) and size < 1e15 or size >= 10_000:
        text = f"{measured:,.0f}"
    elif size >= 1e-4:
        text = f"{measured:.4g}"
    else:
        text = f"{measured:.2e}"
    return ("0" if text == "-0" else text).replace("-", "\u2212")


def moment(value: dt.datetime | dt.date) -> str:
    return f"{value:%Y-%m-%d %H:%M}" if isinstance(value, dt.datetime) else f"{value:%Y-%m-%d}"


def short(words: str, width: float, *, bold: bool = False) -> str:
    """`words` cut to a width in user units; the whole stays in the table."""
    most = max(3, int(width / (CHARACTER * (BOLD if bold else 1.0)) + 1e-6))
    return words if len(words) <= most else words[: most - 1].rstrip() + "\u2026"


def wrapped(words: str, width: float, *, bold: bool = False) -> tuple[str, ...]:
    """`words` whole, in lines of at most a width: broken at spaces and hyphens, and inside a word that is too long."""
    most = max(3, int(width / (CHARACTER * (BOLD if bold else 1.0)) + 1e-6))
    return tuple(textwrap.wrap(words, most)) or (words,)


def row_tops(labels: Sequence[Sequence[str]], head: float, row: float) -> list[float]:
    """Where each row begins and the last one ends: as high as `row`, or higher where a label has many lines."""
    heights = [max(row, LEADING * len(lines) + 6) for lines in labels]
    return list(itertools.accumulate(heights, initial=head))


def text_width(words: Sequence[str], *, bold: bool = False) -> float:
    return max((len(w) for w in words), default=0) * CHARACTER * (BOLD if bold else 1.0)
