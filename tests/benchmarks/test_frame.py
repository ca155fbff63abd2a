"""The frame tells figures as they were measured, and favours nobody."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from benchmarks import frame
from benchmarks.frame import Measure, alternate, compared, publish

KEYS = {"metric", "value", "unit", "peer", "peer_value", "ratio", "runs", "spread", "note"}


def test_a_row_is_one_line_of_json_with_the_keys_of_the_contract():
    line = Measure("area.metric", 1234.5678, "rows/s", "a peer", 600.0, 2.0576, 5, 0.1234567).line()
    assert "\n" not in line
    row = json.loads(line)
    assert set(row) == KEYS
    assert (row["value"], row["spread"], row["runs"]) == (1235.0, 0.1235, 5)


@pytest.mark.parametrize(("better", "ratio"), [("higher", 2.0), ("lower", 0.5)])
def test_the_ratio_is_above_one_where_ours_is_better(better, ratio):
    row = compared("m", [10.0, 20.0, 90.0], "x", better=better, peer="p", theirs=[9.0, 10.0, 11.0])
    assert (row.value, row.peer_value, row.ratio, row.runs) == (20.0, 10.0, ratio, 3)
    assert row.spread == 4.0


def test_without_a_peer_there_is_no_ratio():
    row = compared("m", [3.0], "x", better="higher")
    assert (row.value, row.peer, row.peer_value, row.ratio, row.spread) == (3.0, None, None, None, None)


def test_contestants_go_in_a_drawn_order_once_a_round_and_the_warm_round_does_not_count():
    order: list[str] = []

    def contestant(name: str):
        def run() -> float:
            order.append(name)
            return float(len(order))

        return run

    first, second = alternate(contestant("a"), contestant("b"), runs=40)
    rounds = [order[at : at + 2] for at in range(0, len(order), 2)]
    assert len(rounds) == 41 and all(sorted(turn) == ["a", "b"] for turn in rounds)
    assert {tuple(turn) for turn in rounds} == {("a", "b"), ("b", "a")}
    assert [first[0], second[0]] == [2 * 1 + 1.0 + rounds[1].index(name) for name in "ab"]


def test_the_kept_copy_names_commit_and_machine_and_holds_the_printed_rows(tmp_path):
    rows = [Measure("a.b", 1.0, "s"), Measure("a.c", None, "s")]
    printed = list(publish("a", rows, quick=True, folder=tmp_path))
    (kept,) = tmp_path.iterdir()
    head, *lines = kept.read_text().splitlines()
    assert lines == printed == [row.line() for row in rows]
    head = json.loads(head)
    assert (head["area"], head["quick"], head["commit"]) == ("a", True, frame.commit())
    assert {"cpu", "cores", "memory_gib", "python", "load"} <= set(head["machine"])


def test_a_row_is_kept_before_the_next_one_is_measured(tmp_path):
    def rows():
        yield Measure("a.b", 1.0, "s")
        raise RuntimeError("power cut")

    with pytest.raises(RuntimeError):
        list(publish("a", rows(), quick=False, folder=tmp_path))
    (kept,) = tmp_path.iterdir()
    assert len(kept.read_text().splitlines()) == 2


@pytest.mark.parametrize("arguments", [[], ["nothing"]])
def test_an_unknown_area_is_refused_with_the_known_ones(arguments):
    answer = subprocess.run(
        [sys.executable, "-m", "benchmarks", *arguments], cwd=frame.ROOT, capture_output=True, text=True, check=False
    )
    assert answer.returncode == 2
    assert answer.stdout == ""
    assert "ledger" in answer.stderr
