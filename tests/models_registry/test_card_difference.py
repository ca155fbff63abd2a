from __future__ import annotations

import copy

import pytest

from models_registry.card_difference import Change, Piece, changes_between, joined
from models_registry.card_schema import SECTIONS
from models_registry.card_text import parts_of, result_words, text_of
from models_registry.models import Version


@pytest.mark.parametrize(
    ("base", "theirs", "mine", "texts", "taken", "clashes"),
    [
        ({}, {}, {"HowToUse": "m"}, {"HowToUse": "m"}, (), []),
        (
            {},
            {"FundingSource": "t"},
            {"HowToUse": "m"},
            {"FundingSource": "t", "HowToUse": "m"},
            ("FundingSource",),
            [],
        ),
        ({"HowToUse": "b"}, {"HowToUse": "t"}, {"HowToUse": "b"}, {"HowToUse": "t"}, ("HowToUse",), []),
        ({"HowToUse": "b"}, {"HowToUse": "b"}, {}, {}, (), []),
        ({"HowToUse": "b"}, {"HowToUse": "x"}, {"HowToUse": "x"}, {"HowToUse": "x"}, (), []),
        ({"HowToUse": "b"}, {"HowToUse": "t"}, {"HowToUse": "m"}, {"HowToUse": "m"}, (), ["HowToUse"]),
        ({"HowToUse": "b"}, {}, {"HowToUse": "m"}, {"HowToUse": "m"}, (), ["HowToUse"]),
        ({"HowToUse": "b"}, {"HowToUse": "t"}, {}, {}, (), ["HowToUse"]),
    ],
)
def test_two_peoples_texts_are_joined(base, theirs, mine, texts, taken, clashes) -> None:
    found = joined(base, theirs, mine)

    assert found.texts == texts and found.taken == taken
    assert [clash.name for clash in found.clashes] == clashes


def test_a_difference_is_told_word_by_word() -> None:
    change = Change("Warnings", "Biases", "No bias is known.", "No bias was found.")

    assert "".join(p.text for p in change.pieces if p.kind != "added") == change.before
    assert "".join(p.text for p in change.pieces if p.kind != "removed") == change.after
    assert Piece("same", "No bias ") in change.pieces and Piece("added", "was") in change.pieces


def test_a_text_too_long_to_compare_is_shown_whole() -> None:
    change = Change("s", "t", "a " * 2000, "b " * 2000)

    assert [piece.kind for piece in change.pieces] == ["removed", "added"]


@pytest.mark.django_db
def test_every_element_of_the_schema_can_differ(version: Version) -> None:
    before = version.cards.get().content
    after = copy.deepcopy(before)
    for section in SECTIONS:
        for element in section.elements:
            after[section.name][element.name] = f"new {element.name}"
    after["quantum"]["depth"] = 99
    after["KeyMetrics"]["FairnessEquity"]["TestType"] = "new"

    titles = [change.title for change in changes_between(before, after)]
    assert len(titles) == sum(len(section.elements) for section in SECTIONS) + 2
    assert changes_between(before, before) == []


@pytest.mark.django_db
def test_an_edition_of_the_first_format_keeps_its_words(version: Version) -> None:
    content = copy.deepcopy(version.cards.get().content)
    content["ReleaseInfo"]["EHRCompatability"] = "Any."
    del content["ReleaseInfo"]["EHRCompatibility"]

    release = next(part for part in parts_of(content) if part.name == "ReleaseInfo")
    assert {line.element.name: line.text for line in release.lines}["EHRCompatibility"] == "Any."


@pytest.mark.parametrize(
    ("value", "name", "words"),
    [
        (None, "", None), ("", "", None), ([], "", None), (None, "shots", "none: exact expectation values"),
        (1000, "shots", "1000"), (True, "", "yes"), (["a", "b"], "Keywords", "a, b"), (["a", "b"], "", "a\nb"),
        ([{"input": "age", "low": 1.0, "high": None}], "", "age: 1 to not measured"),
    ],
)  # fmt: skip
def test_values_in_words(value, name, words) -> None:
    assert text_of(value, name) == words


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ({"verdict": "not_assessable"}, "not assessable"),
        ({"mean": 0.5, "n": 10}, "0.500 (n = 10)"),
        ({"verdict": "pass", "value": 0.04, "lower": 0.01, "upper": 0.08, "threshold": 0.1},
         "pass, 0.040 (0.010 to 0.080), limit 0.100"),
        ({}, "no figure"),
    ],
)  # fmt: skip
def test_results_in_words(value, words) -> None:
    assert result_words(value) == words
