"""One place says what a state looks like."""

from __future__ import annotations

from enum import Enum, StrEnum

import pytest

from core.templatetags.icons import ICONS
from core.tones import LIFE_OF_A_MODEL, STATES, TONES, look_of, state_key


class Verdict(Enum):
    NOT_ASSESSABLE = "not_assessable"


class Choice(StrEnum):
    UNDER_REVIEW = "under_review"


@pytest.mark.parametrize(
    ("value", "key"),
    [
        ("Under review", "under_review"), ("under-review", "under_review"), (" UNDER_REVIEW ", "under_review"),
        (Choice.UNDER_REVIEW, "under_review"), (Verdict.NOT_ASSESSABLE, "not_assessable"),
        (True, "yes"), (False, "no"), (None, "none"),
    ],
)  # fmt: skip
def test_a_state_is_known_however_it_is_spelt(value, key):
    assert state_key(value) == key
    assert key in STATES


def test_every_look_has_a_tone_an_icon_and_words():
    for key, look in STATES.items():
        assert look.tone in TONES, key
        assert look.icon in ICONS, key
        assert look.label, key
        assert state_key(key) == key


def test_only_a_pass_looks_like_a_pass():
    for state in ("inconclusive", "not assessable", "not measured", "unverified", "pending", "shadow", "halted", None):
        assert look_of(state).tone != "pass"


def test_the_three_verdicts_and_not_assessable_differ_in_tone_and_in_icon():
    looks = [look_of(v) for v in ("pass", "fail", "inconclusive", "not assessable", "halted")]
    assert len({look.tone for look in looks}) == len({look.icon for look in looks}) == 5


def test_an_unknown_state_is_shown_in_its_own_words_and_judged_neither_way():
    look = look_of("half_baked")
    assert (look.tone, look.label) == ("plain", "Half baked")


def test_a_label_changes_the_words_only():
    assert look_of("halted", label="Stopped by Wien").tone == look_of("halted").tone
    assert look_of("halted", label="Stopped by Wien").label == "Stopped by Wien"


def test_the_stages_of_a_life_have_icons():
    assert [key for key, _, _ in LIFE_OF_A_MODEL][0::8] == ["consent", "report"]
    assert all(icon in ICONS for _, _, icon in LIFE_OF_A_MODEL)
