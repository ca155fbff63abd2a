"""Overlays as drawings: the image, the outline of truth as a full line, of the prediction dashed, beside it dotted."""

from __future__ import annotations

import base64
from dataclasses import dataclass

import numpy as np
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from numpy.typing import NDArray

from federation.domain.overlays import Overlay, outline, png


@dataclass(frozen=True)
class Drawn:
    """One patient on the page."""

    name: str
    where: str
    primary: float | None
    baseline: float | None
    words: str
    svg: SafeString


def drawn(overlay: Overlay) -> Drawn:
    primary, baseline = overlay.dice.get("primary"), overlay.dice.get("baseline")
    where = _("slice %(n)s of %(all)s") % {"n": overlay.slice, "all": overlay.slices}
    words = _words(overlay, where)
    height, width = overlay.image.shape
    lines = {
        "truth": outline(overlay.truth),
        "prediction": outline(overlay.prediction),
        "beside": "" if overlay.beside is None else outline(overlay.beside),
    }
    svg = format_html(
        '<svg class="overlay" viewBox="0 0 {w} {h}" role="img" aria-label="{words}" focusable="false">'
        '<image href="data:image/png;base64,{data}" width="{w}" height="{h}"/>'
        '<path class="overlay__under" d="{truth}{prediction}{beside}"/><path class="overlay__truth" d="{truth}"/>'
        '<path class="overlay__beside" d="{beside}"/><path class="overlay__prediction" d="{prediction}"/></svg>',
        w=width, h=height, words=words, data=base64.b64encode(png(overlay.image)).decode(), **lines,
    )  # fmt: skip
    return Drawn(overlay.name, where, primary, baseline, words, svg)


def _words(overlay: Overlay, where: str) -> str:
    marked, both = _counts(overlay, overlay.prediction)
    said = _(
        "Patient %(name)s, %(where)s. The lesion has %(truth)s pixels, the quantum model marks %(marked)s, %(both)s of "
        "them within the lesion."
    ) % {"name": overlay.name, "where": where, "truth": int(overlay.truth.sum()), "marked": marked, "both": both}
    if overlay.beside is None:
        return said
    marked, both = _counts(overlay, overlay.beside)
    return f"{said} " + _("The model beside it marks %(marked)s, %(both)s of them within.") % {
        "marked": marked, "both": both,
    }  # fmt: skip


def _counts(overlay: Overlay, mask: NDArray[np.bool_]) -> tuple[int, int]:
    return int(mask.sum()), int((overlay.truth & mask).sum())
