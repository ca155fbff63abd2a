import hashlib
import re
from dataclasses import replace
from io import StringIO

import numpy as np
import pytest
from django.core.management import CommandError, call_command

from federation.domain.data.dataset import split
from federation.domain.data.registry import open_source
from federation.domain.learning import feature_selection as method
from federation.domain.learning.feature_selection import pair_counts


@pytest.fixture
def heart(tmp_path):
    """Four small hospitals where the kind of chest pain tells the diagnosis and exercise angina repeats it."""
    rng = np.random.default_rng(0)
    for name in ("cleveland", "hungarian", "switzerland", "va"):
        lines = []
        for _ in range(60):
            ill = int(rng.integers(0, 2))
            pain = int(rng.random() < (0.9 if ill else 0.1))
            lines.append(
                f"{rng.integers(40, 70)},{rng.integers(0, 2)},{4 if pain else 1},{rng.integers(100, 160)},"
                f"{rng.integers(150, 300)},0,0,{rng.integers(100, 180)},{pain},{rng.random() * 2:.1f},1,0,3,{ill}"
            )
        (tmp_path / f"processed.{name}.data").write_text("\n".join(lines))
    return f"heart:{tmp_path}"


def said(*arguments: str) -> str:
    out = StringIO()
    call_command("select_features", *arguments, stdout=out)
    return out.getvalue()


def test_every_solver_says_its_choice_beside_the_common_one(heart):
    lines = {line[:20].strip(): line[21:] for line in said(heart, "--columns", "1", "--among", "6").splitlines()}
    assert {"top by information", "exact", "annealing", "uniform draws", "QAOA", "VQE"} <= set(lines)
    told = ("cp_1", "cp_4", "exang")
    assert lines["top by information"] in told and lines["exact"].split(";")[0] in told
    assert "P(optimum) 1 " in lines["exact"] and "ratio" in lines["QAOA"] and "1,000 shots" in lines["QAOA"]


def test_chance_is_a_draw_of_as_many_columns_and_what_is_no_use_is_said_to_be_none(heart):
    told = said(heart, "--columns", "3", "--among", "6")
    lines = {line[:20].strip(): line for line in told.splitlines()}
    assert "P(optimum) 0.15 (at random 0.15)" in lines["uniform draws"]  # 3 of the 20 choices of 3 from 6, equally good
    assert "of draws are of so many columns" in lines["QAOA"] and "draws are of" not in lines["annealing"]
    worth = re.findall(r"(QAOA|VQE) finds it .* times as often as chance: .*? so it is of no use here\.", told)
    assert worth and "in every seed." not in told.replace("annealing in every seed, so", "")


def test_labels_that_no_column_tells_are_refused_and_so_is_one_label_alone(heart):
    table = open_source(heart)
    counts = method.pair_counts(table.load("va"))
    one = replace(counts, with_label=counts.with_label * np.array([1, 0]))
    with pytest.raises(method.SelectionError, match="got 0 with and [0-9]+ without"):
        method.selection_qubo(one, 2)
    blind = replace(counts, with_label=np.full_like(counts.with_label, 6))
    with pytest.raises(method.SelectionError, match="a column that tells of the label"):
        method.selection_qubo(blind, 2)


def test_the_patients_counted_are_those_that_a_run_of_the_seed_trains_on(heart, monkeypatch):
    counted = []
    monkeypatch.setattr(method, "pair_counts", lambda data: counted.append(data) or pair_counts(data))
    told = said(heart, "--columns", "2", "--among", "6", "--seed", "5")
    for data in counted:
        own = hashlib.sha256(f"5:{data.site}".encode()).digest()  # as a site's worker deals its patients
        parts = split(open_source(heart).load(data.site), seed=int.from_bytes(own[:8], "big"))
        assert data.record_ids == parts.train.record_ids and not set(data.record_ids) & set(parts.audit.record_ids)
    assert len(counted) == 4 and "and the run the seed 5. With another seed" in told


def test_sites_load_what_was_chosen(heart):
    last = said(heart, "--columns", "2", "--among", "6").splitlines()[-1]
    spec = last.partition(" each site ")[2].partition(" and the run")[0]
    assert spec.startswith(f"{heart}?columns=") and last.startswith("For a run on these columns give each site ")
    assert open_source(spec).load("va").x.shape == (60, 2)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["phantom:?patients=20"], "expected rows"),
        (["nothing:x"], "expected a data set named"),
        (["HEART", "--columns", "0"], "expected to choose from 1"),
        (["HEART", "--among", "17"], "among 2 to 16"),
        (["HEART", "--redundancy", "-1"], "0 or more"),
    ],
)
def test_what_cannot_be_chosen_is_told(heart, arguments, message):
    with pytest.raises(CommandError, match=message):
        said(*(heart if text == "HEART" else text for text in arguments))
