"""Where the model was tested and where it was not, and the range of its inputs, as the audit measured them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from models_registry.models import Evidence

MOST_RANGES = 60  # on the card; the audit has them all


def boundaries_of(audit: Evidence | None) -> dict[str, Any] | None:
    """The boundaries in the summary that the audit passed down; None where it measured none.

    Returns
    -------
    dict or None
        sentence; tested and untested: lists of words, one a site and attribute; ranges: list of input, low, high;
        digest: address of the result that they come from.
    """
    found = audit.summary.get("boundaries") if audit else None
    if not isinstance(found, Mapping):
        return None
    cells = [cell for cell in found.get("cells") or [] if isinstance(cell, Mapping)]
    absent = found.get("not_measured")
    nowhere = [f"{site}: {why}" for site, why in sorted(absent.items())] if isinstance(absent, Mapping) else []
    return {
        "sentence": str(found.get("sentence", "")),
        "tested": _words(cell for cell in cells if cell.get("state") == "tested"),
        "untested": [*_words(cell for cell in cells if cell.get("state") != "tested"), *nowhere],
        "ranges": [
            {name: row.get(name) for name in ("input", "low", "high")}
            for row in (found.get("ranges") or [])[:MOST_RANGES]
            if isinstance(row, Mapping)
        ],
        "digest": str(found.get("digest", "")),
    }


def _words(cells: Iterable[Mapping[str, Any]]) -> list[str]:
    """One line for each site and attribute: "north, sex: female (30), male (41)"."""
    lines: dict[str, list[str]] = {}
    for cell in cells:
        shown = cell.get("n") or ("1 or 2" if cell.get("state") == "too small" else "none")
        lines.setdefault(f"{cell.get('site')}, {cell.get('attribute')}", []).append(f"{cell.get('group')} ({shown})")
    return [f"{name}: {', '.join(groups)}" for name, groups in lines.items()]
