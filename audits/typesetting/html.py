"""A document, laid out as sections of blocks, as one HTML file that needs nothing else.

No script, no image from elsewhere, no style attribute. Its one style sheet is named by digest in its own Content
Security Policy, which holds also where the file is opened from a disk; `CSP` is the same for a server's header.
"""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Callable, Mapping
from html import escape
from importlib import resources
from typing import Any

from .blocks import Block, Cell, Run
from .pdf import Picture

STYLE = resources.files("audits.typesetting").joinpath("report.css").read_text(encoding="utf-8")
_STYLE_DIGEST = base64.b64encode(hashlib.sha256(STYLE.encode()).digest()).decode()
CSP = f"default-src 'none'; style-src 'sha256-{_STYLE_DIGEST}'; base-uri 'none'; form-action 'none'"
_CONTROL = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ud800-\udfff]")


def as_html(document: Mapping[str, Any], *, pictures: Mapping[str, Picture]) -> bytes:
    """Write a document as HTML. The same arguments give the same bytes.

    Parameters
    ----------
    document : mapping
        As `audits.typesetting.pdf.typeset` takes it; the blocks are those of `blocks`.
    pictures : mapping of place to Picture
        Every picture that a chart block of the document names.
    """
    cover, drawn = document["cover"], {shown.file: shown for shown in pictures.values()}
    contents = "".join(
        f'<li><a href="#section-{_(part["name"])}">{_(part["heading"])}</a></li>' for part in document["sections"]
    )
    parts = "".join(
        f'<section aria-labelledby="section-{_(part["name"])}"><h2 id="section-{_(part["name"])}">'
        f"{number}. {_(part['heading'])}</h2>{_blocks(part['blocks'], drawn)}</section>"
        for number, part in enumerate(document["sections"], start=1)
    )
    notice = cover["notice"]
    told = f'<div class="notice"><strong>{_(notice["title"])}</strong> {_(notice["text"])}</div>' if notice else ""
    text = (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><meta http-equiv="Content-Security-Policy" '
        f'content="{_(CSP)}"><meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{_(cover['document_title'])}</title><style>{STYLE}</style></head><body><header>"
        f'<h1>{_(cover["title"])}</h1><p class="quiet">{_(cover["subtitle"])}</p>{told}'
        f'{_blocks(cover["blocks"], drawn)}</header><nav aria-label="Contents"><ol>{contents}</ol></nav>'
        f"<main>{parts}</main><footer><p>{_(cover['running'])}</p><p>SHA-256 of the JSON: "
        f'<span class="mono">{_(cover["digest"])}</span></p></footer></body></html>\n'
    )
    return text.encode()


def _(value: object) -> str:
    return escape(_CONTROL.sub("\ufffd", str(value)), quote=True)


def _blocks(blocks: list[Block], drawn: Mapping[str, Picture]) -> str:
    return "".join(
        _chart(block, drawn) if block["kind"] == "chart" else WRITERS[block["kind"]](block) for block in blocks
    )


def _chart(block: Block, drawn: Mapping[str, Picture]) -> str:
    return f"<figure>{drawn[block['file']].svg}<figcaption>{_(block['title'])}</figcaption></figure>"


def _run(run: Run) -> str:
    text = _(run["text"])
    match run["style"]:
        case "badge":
            return f'<span class="badge {run["tone"]}">{text}</span>'
        case "mono":
            return f'<span class="mono">{text}</span>'
        case "muted":
            return f'<span class="quiet">{text}</span>'
        case "strong":
            return f"<strong>{text}</strong>"
        case "ref":
            return f'<a href="#section-{_(run["target"])}">{text}</a>'
        case "link":
            return f'<a href="{_(run["target"])}">{text}</a>'
    return text


def _cell(cell: Cell) -> str:
    return "<br>".join(", ".join(_run(run) for run in line) for line in cell)


def _table(block: Block) -> str:
    sides = [' class="right"' if column["align"] == "right" else "" for column in block["columns"]]
    head = "".join(
        f'<th scope="col"{side}>{_(column["head"])}</th>' for column, side in zip(block["columns"], sides, strict=True)
    )
    rows = "".join(
        f"<tr>{''.join(f'<td{side}>{_cell(cell)}</td>' for cell, side in zip(row, sides, strict=True))}</tr>"
        for row in block["rows"]
    )
    label = _(block["caption"])
    return (
        f'<div class="scroll" tabindex="0" role="region" aria-label="{label}"><table><caption>{label}</caption><thead>'
        f"<tr>{head}</tr></thead><tbody>{rows}</tbody></table></div>"
    )


def _facts(block: Block) -> str:
    return f"<dl>{''.join(f'<dt>{_(label)}</dt><dd>{_cell(value)}</dd>' for label, value in block['rows'])}</dl>"


def _subheading(block: Block) -> str:
    note = f' <span class="quiet">{_(block["note"])}</span>' if block["note"] else ""
    return f"<h3>{_(block['text'])} {_cell(block['badge'])}{note}</h3>"


def _tiles(block: Block) -> str:
    items = "".join(
        f'<li>{_tile_label(tile)}<b>{_(tile["value"])}</b><span class="quiet">{_(tile["note"])}</span></li>'
        for tile in block["items"]
    )
    return f'<ul class="tiles">{items}</ul>'


def _tile_label(tile: dict[str, str]) -> str:
    label = _(tile["label"])
    return f'<a href="#section-{_(tile["target"])}">{label}</a>' if tile.get("target") else label


def _sentences(block: Block) -> str:
    items = "".join(
        f'<li>{_cell(item["badge"])} {_(item["text"])} <span class="quiet">{_cell(item["refs"])}</span></li>'
        for item in block["items"]
    )
    return f"<ul>{items}</ul>"


def _signoff(block: Block) -> str:
    lines = "".join(
        f"<dt>{_(line['role'])}, {_(line['institution'])}</dt><dd>"
        + (f"{_(line['by'])}, {_(line['at'])}" if line["signed"] else '<span class="quiet">not signed here</span>')
        + "</dd>"
        for line in block["lines"]
    )
    return f"<dl>{lines}</dl>"


def _verdict(block: Block) -> str:
    told = "".join(f"<p>{_(sentence)}</p>" for sentence in block["sentences"])
    word = f"<p>{_(block['label'])}: <strong>{_(block['word'])}</strong></p>"
    return f'<div class="verdict {block["tone"]}">{word}{told}</div>'


WRITERS: dict[str, Callable[[Block], str]] = {
    "table": _table,
    "facts": _facts,
    "text": lambda block: f"<p>{_(block['text'])}</p>",
    "empty": lambda block: f'<p class="quiet">{_(block["text"])}</p>',
    "subheading": _subheading,
    "names": lambda block: f"<p>{_(block['label'])}: <strong>{_(', '.join(block['values']))}</strong></p>",
    "verdict": _verdict,
    "code": lambda block: f'<pre tabindex="0">{_(block["text"])}</pre>',
    "tiles": _tiles,
    "sentences": _sentences,
    "signoff": _signoff,
}
