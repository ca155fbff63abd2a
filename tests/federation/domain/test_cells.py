"""The minimum of patients, in a run with security and in one without."""

import re
from pathlib import Path

import numpy as np

from federation.domain.cells import MIN_CELL
from federation.domain.round_metrics import SMALL_SITES, pool_small
from federation.domain.twin_comparison import PairedScores


def pairs(n: int) -> list[float]:
    return PairedScores.of(np.ones(n), np.zeros(n)).as_list()


def test_pairs_of_small_sites_are_told_together_if_they_are_enough_and_else_not_at_all():
    found = pool_small({"a": pairs(MIN_CELL), "b": pairs(MIN_CELL - 1), "c": pairs(3), "d": None})
    assert found == {"a": pairs(MIN_CELL), "b": None, "c": None, "d": None, SMALL_SITES: pairs(MIN_CELL + 2)}
    # Four alone would be all less the nine: both are told together.
    assert pool_small({"a": pairs(9), "b": pairs(4)}) == {"a": None, "b": None, SMALL_SITES: pairs(13)}
    assert pool_small({"a": pairs(2), "b": pairs(2)}) == {"a": None, "b": None, SMALL_SITES: None}
    assert pool_small({"a": pairs(9), "b": pairs(8)}, hidden={"b"}) == {"a": pairs(9), "b": None, SMALL_SITES: pairs(8)}
    assert pool_small({"a": pairs(9), "d": None}) == {"a": pairs(9), "d": None}


def test_the_minimum_stands_in_one_place():
    said = re.compile(r"^MIN_(CELL|TOLD|SENT|RECORDS|PATIENTS)\w* *=", re.MULTILINE)
    folder = Path(__file__).parents[3] / "federation"
    found = [path.name for path in folder.rglob("*.py") if said.search(path.read_text())]
    assert found == ["cells.py"]
