"""Overlays as drawings: the image, the outline of truth as a full line and that of the prediction dashed."""

from __future__ import annotations

import base64
from dataclasses import dataclass

from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _

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
    truth, marked = int(overlay.truth.sum()), int(overlay.prediction.sum())
    both = int((overlay.truth & overlay.prediction).sum())
    words = _(
        "Patient %(name)s, %(where)s. The lesion has %(truth)s pixels, the quantum model marks %(marked)s, %(both)s of "
        "them within the lesion."
    ) % {"name": overlay.name, "where": where, "truth": truth, "marked": marked, "both": both}
    height, width = overlay.image.shape
    svg = format_html(
        '<svg class="overlay" viewBox="0 0 {w} {h}" role="img" aria-label="{words}" focusable="false">'
        '<image href="data:image/png;base64,{data}" width="{w}" height="{h}"/>'
        '<path class="overlay__under" d="{truth}{prediction}"/><path class="overlay__truth" d="{truth}"/>'
        '<path class="overlay__prediction" d="{prediction}"/></svg>',
        w=width, h=height, words=words, data=base64.b64encode(png(overlay.image)).decode(),
        truth=outline(overlay.truth), prediction=outline(overlay.prediction),
    )  # fmt: skip
    return Drawn(overlay.name, where, primary, baseline, words, svg)
