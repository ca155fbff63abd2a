"""Which figures of a round are shown: none of too few, and none from which those could be had by subtraction."""

from __future__ import annotations

import pytest

from federation.domain.group_rates import Cell, Sums
from federation.domain.round_metrics import summarise
from federation.domain.secure.counts import CellLayout

NOBODY = dict.fromkeys(("tp", "fp", "tn", "fn"), 0)


def cell(site: str, sex: str, n: int, ill: int | None = None) -> Cell:
    ill = n if ill is None else ill
    metrics = {"dice": Sums(n, 0.5 * n, 0.25 * n), "tpr": Sums(ill, 0.5 * ill, 0.25 * ill)}
    return Cell(site, {"sex": sex}, n, metrics, NOBODY)


def shown(cells: list[Cell], metric: str = "dice") -> dict[str, int | None]:
    found = summarise({"primary": cells}, task="segmentation", min_cell=5)["primary"]
    return {name: row[metric]["n"] for name, row in (found["groups"]["sex"] | found["site"]).items()}


def test_figures_of_too_few_are_neither_shown_nor_left_over():
    women = [cell("north", "female", 1), cell("north", "male", 30), cell("north", "other", 9), cell("north", "none", 4)]
    # 1 and 4 are five together, so nobody is told by what is left.
    assert shown(women) == {"female": None, "none": None, "male": 30, "other": 9, "north": 44}
    # One alone would be: the smallest other group is hidden with it.
    assert shown(women[:3]) == {"female": None, "male": 30, "other": None, "north": 40}
    assert shown(women[:2]) == {"female": None, "male": None, "north": 31}
    assert shown(women[1:3]) == {"male": 30, "other": 9, "north": 39}
    sites = [cell("north", "male", 20), cell("south", "male", 3), cell("west", "male", 8)]
    assert shown(sites) == {"male": 31, "north": 20, "south": None, "west": None}


def test_that_nobody_of_a_small_group_is_ill_is_not_told_either():
    cells = [cell("north", "female", 2, ill=0), cell("north", "male", 30, ill=12), cell("north", "other", 9, ill=6)]
    assert shown(cells, "tpr") == {"female": None, "male": 12, "other": None, "north": 18}
    # In a group that is large enough it is a figure like any other.
    cells = [cell("north", "female", 7, ill=0), cell("north", "male", 30, ill=12)]
    assert shown(cells, "tpr") == {"female": 0, "male": 12, "north": 12}
    # Of few ill ones in a large group only that figure is hidden.
    cells = [cell("north", "female", 7, ill=2), cell("north", "male", 30, ill=12)]
    assert shown(cells, "tpr") == {"female": None, "male": None, "north": 14}
    assert shown(cells) == {"female": 7, "male": 30, "north": 37}


def diagnosed(group: str, ill: int, healthy: int, ranked: int | None = None) -> Cell:
    """Two thirds of either are judged rightly."""
    metrics = {
        "tpr": Sums(ill, 2 * ill / 3, 2 * ill / 3), "fpr": Sums(healthy, healthy / 3, healthy / 3),
        "accuracy": Sums(ill + healthy, 2 * (ill + healthy) / 3, 2 * (ill + healthy) / 3),
        "auc": Sums(ill if ranked is None else ranked, 0.0, 0.0),
    }  # fmt: skip
    return Cell("north", {"sex": group}, ill + healthy, metrics, NOBODY)


def told(cells: list[Cell]) -> dict[str, dict[str, int | None]]:
    found = summarise({"primary": cells}, task="classification", min_cell=5)["primary"]
    rows = {"all": found["overall"], **found["groups"]["sex"]}
    return {name: {metric: figure["n"] for metric, figure in row.items()} for name, row in rows.items()}


def test_rates_of_which_one_follows_from_the_others_are_hidden_together():
    """22 right of 22 less 18 found ill ones are the four healthy ones."""
    found = told([diagnosed("male", 18, 4)])
    assert set(found["all"].values()) == set(found["male"].values()) == {None}
    assert "auc" not in found["male"]  # ranks are of all sites alone
    found = told([diagnosed("male", 18, 4), diagnosed("female", 10, 20), diagnosed("other", 30, 30)])
    assert found["all"] == {"tpr": 58, "fpr": 54, "accuracy": 112, "auc": 58}
    # Four healthy men are too few, with the women they are 24; the others are shown.
    assert set(found["male"].values()) == set(found["female"].values()) == {None}
    assert found["other"] == {"tpr": 30, "fpr": 30, "accuracy": 60}


def test_ranks_do_not_tell_how_few_ill_ones_a_site_without_them_has():
    assert told([diagnosed("male", 18, 20, ranked=17)])["all"] == {"tpr": 18, "fpr": 20, "accuracy": 38, "auc": None}
    assert told([diagnosed("male", 18, 20, ranked=12)])["all"]["auc"] == 12
    assert "auc" not in told([diagnosed("male", 18, 20, ranked=0)])["all"]


def test_without_enough_patients_at_all_nothing_is_shown():
    found = summarise({"primary": [cell("north", "female", 4)]}, task="segmentation", min_cell=5)["primary"]
    assert found["overall"]["dice"] == {"n": None, "mean": None, "few": 5} == found["groups"]["sex"]["female"]["dice"]
    assert summarise({"primary": []}, task="segmentation", min_cell=5)["primary"]["overall"]["dice"]["n"] == 0


def test_distances_are_told_where_they_were_measured_with_the_same_minimum():
    def found(n: int) -> dict:
        cell = Cell("north", {}, 9, {"dice": Sums(9, 4.5, 2.3), "hd95": Sums(n, 0.02 * n, 0.0)}, {"tp": n, "fn": 9 - n})
        return summarise({"primary": [cell], "baseline": []}, task="segmentation", min_cell=5)["primary"]["overall"]

    assert "hd95" not in found(0)
    assert found(4)["hd95"] == {"n": None, "mean": None, "few": 5}
    assert found(6)["hd95"] == {"n": 6, "mean": pytest.approx(0.02)}
    counts = {"tp": 6, "fp": 1, "tn": 2, "fn": 0}
    summed = Cell("all", {}, 9, {"dice": Sums(9, 4.5, 2.3), "hd95": Sums(6, 0.12, 0.01)}, counts)
    layout = CellLayout.from_list([], ("dice", "hd95"))
    assert layout.cells(layout.flatten([summed])) == [summed]
