from datetime import UTC, datetime, timedelta

import pytest

from audits.domain.incidents.clocks import clock_book, read_book, verdict, why_not

BOOK = clock_book()
CLOCKS = {clock.key: clock for clock in BOOK.clocks}
ALL_REGIMES = dict.fromkeys(BOOK.regimes, True)
NOTHING = dict.fromkeys(BOOK.facts, False)


@pytest.mark.parametrize(
    ("key", "article", "hours"),
    [
        ("mdr_serious", "MDR Art. 87(3)", 15 * 24),
        ("mdr_death", "MDR Art. 87(5)", 10 * 24),
        ("mdr_threat", "MDR Art. 87(4)", 2 * 24),
        ("ai_serious", "EU AI Act Art. 73(2)", 15 * 24),
        ("ai_death", "EU AI Act Art. 73(4)", 10 * 24),
        ("ai_widespread", "EU AI Act Art. 73(3)", 2 * 24),
        ("gdpr_33", "GDPR Art. 33(1)", 72),
        ("hipaa_404", "45 CFR 164.404", 60 * 24),
    ],
)
def test_the_times_are_those_of_the_law(key, article, hours):
    at = datetime(2026, 1, 1, tzinfo=UTC)
    assert CLOCKS[key].article == article
    assert CLOCKS[key].due(at) == at + timedelta(hours=hours)
    assert len(CLOCKS) == 8


@pytest.mark.parametrize(
    ("facts", "running"),
    [
        ({}, set()),
        ({"serious": True}, {"mdr_serious", "ai_serious"}),
        ({"serious": True, "death": True}, {"mdr_death", "ai_death"}),
        ({"serious": True, "public_threat": True}, {"mdr_threat", "ai_serious"}),
        ({"serious": True, "widespread": True}, {"mdr_serious", "ai_widespread"}),
        ({"personal_breach": True}, {"gdpr_33"}),
        ({"phi_breach": True, "personal_breach": True}, {"gdpr_33", "hipaa_404"}),
    ],
)
def test_facts_start_their_clocks(facts, running):
    known = {**ALL_REGIMES, **NOTHING, **facts}
    assert {key for key, clock in CLOCKS.items() if verdict(clock, known) == "applies"} == running
    assert not any(verdict(clock, known) == "undetermined" for clock in BOOK.clocks)


def test_what_is_not_known_stops_no_clock():
    assert {verdict(clock, ALL_REGIMES) for clock in BOOK.clocks} == {"undetermined"}
    known = {**ALL_REGIMES, **NOTHING, "serious": True, "death": None}
    assert verdict(CLOCKS["mdr_serious"], known) == "undetermined"
    assert verdict(CLOCKS["mdr_death"], known) == "undetermined"


def test_a_deployment_that_is_no_device_has_no_device_clock():
    known = {**ALL_REGIMES, "mdr": False, "serious": True, "death": False, "public_threat": False}
    assert verdict(CLOCKS["mdr_serious"], known) == "does_not_apply"
    assert "medical device" in why_not(CLOCKS["mdr_serious"], known, BOOK)


def test_why_a_longer_clock_does_not_run():
    known = {**ALL_REGIMES, **NOTHING, "serious": True, "death": True}
    assert why_not(CLOCKS["mdr_serious"], known, BOOK).startswith("a shorter clock runs")
    assert why_not(CLOCKS["mdr_death"], known, BOOK) == ""


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"regime": "dora"}, "expected a regime"),
        ({"needs": ["rain"]}, "expected facts"),
        ({"unless": ["rain"]}, "facts"),
    ],
)
def test_a_book_that_names_what_it_does_not_define_is_refused(changes, words):
    row = {"key": "a", "regime": "mdr", "title": "", "article": "", "to": "", "hours": 1, "needs": ["serious"]}
    content = {"regimes": {"mdr": "?"}, "facts": {"serious": "?"}, "clocks": [{**row, **changes}]}
    with pytest.raises(ValueError, match=words):
        read_book(content)
    with pytest.raises(ValueError, match="one key"):
        read_book({**content, "clocks": [row, row]})
    with pytest.raises(ValueError, match="expected regimes"):
        read_book({**content, "clocks": [row], "not_under": {"research": ["dora"]}})


def test_research_is_under_no_law_of_products():
    assert BOOK.not_under["research"] == ("mdr", "ai_act")
    assert "marked" not in BOOK.not_under and "in_house" not in BOOK.not_under
