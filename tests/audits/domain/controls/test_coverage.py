from __future__ import annotations

import pytest

from audits.domain.controls.coverage import Status, control_status, coverage, share_status
from audits.domain.controls.risk import Level, level

THERE, PARTLY, NONE, NOT = Status.THERE, Status.PARTLY, Status.NONE, Status.NOT_ASSESSABLE


@pytest.mark.parametrize(
    ("count", "of", "status"), [(0, 0, NOT), (3, 0, NOT), (0, 3, NONE), (1, 3, PARTLY), (3, 3, THERE), (4, 3, THERE)]
)
def test_a_share(count, of, status):
    assert share_status(count, of) is status


@pytest.mark.parametrize(
    ("given", "status"),
    [
        ([], NONE), ([THERE], THERE), ([NOT, NOT], NOT), ([THERE, THERE], THERE), ([THERE, NONE], PARTLY),
        ([THERE, NOT], PARTLY), ([NONE, NOT], NONE), ([PARTLY, NONE], PARTLY), ([NONE, NONE], NONE),
    ],
)  # fmt: skip
def test_a_control(given, status):
    assert control_status(given) is status


def test_coverage_counts():
    found = coverage([THERE, THERE, PARTLY, NOT])
    assert (found.there, found.partly, found.none, found.not_assessable, found.total) == (2, 1, 0, 1, 4)
    assert coverage([]).total == 0


@pytest.mark.parametrize(
    ("severity", "probability", "expected"),
    [
        (1, 1, "low"),
        (2, 2, "low"),
        (1, 5, "medium"),
        (5, 1, "medium"),
        (3, 3, "medium"),
        (3, 4, "high"),
        (5, 5, "high"),
    ],
)
def test_a_level(severity, probability, expected):
    assert level(severity, probability) is Level(expected)


def test_a_level_outside_of_the_scales():
    with pytest.raises(ValueError, match="from 1 to 5, got 0 and 3"):
        level(0, 3)
