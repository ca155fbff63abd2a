"""What a run that begins from a version takes of it, in words."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.utils.translation import gettext as _

from federation.domain.start import Start, start_of


def start_words(config: Mapping[str, Any]) -> str:
    """From which version, what of it, and whose patients come with it; empty for a run from initial weights."""
    start = start_of(config)
    if start is None:
        return ""
    told = _("It learned from patients of %(institutions)s, whose influence comes with its weights.")
    return " ".join(
        part
        for part in (_taken(start), told % {"institutions": ", ".join(start.learned_from)}, unclear_words(config))
        if part
    )


def _taken(start: Start) -> str:
    if start.encoder is None:
        said = _("%(version)s: training goes on with all of its weights.")
    elif start.freezes:
        said = _("%(version)s: its encoder is taken and stays as it is at every site; the rest starts anew.")
    else:
        said = _("%(version)s: its encoder is taken and goes on learning; the rest starts anew.")
    return said % {"version": start.name}


def unclear_words(config: Mapping[str, Any]) -> str:
    """Where scores may flatter, because it learned from other data of the same institution."""
    start = start_of(config)
    if start is None or not start.unclear:
        return ""
    return _(
        "At %(sites)s it learned from other data of the same institution. Whether patients who are held out there are "
        "among them cannot be told, so scores may be too good."
    ) % {"sites": ", ".join(start.unclear)}


def start_privacy_words(config: Mapping[str, Any]) -> str:
    """What the privacy of this run does not cover, because it begins from a version."""
    start = start_of(config)
    if start is None:
        return ""
    if start.epsilon is None:
        return _(
            "It begins from %(version)s, which was trained without differential privacy: what is bounded here is this "
            "run alone, and what its weights give away of the patients of %(institutions)s is not bounded."
        ) % {"version": start.name, "institutions": ", ".join(start.learned_from)}
    return _(
        "It begins from %(version)s, which spent up to ε = %(spent)s of each of its patients; who is in both has spent "
        "the sum."
    ) % {"version": start.name, "spent": f"{start.epsilon:.3g}"}
