"""The comparison's folds, its going on where it stopped, and its table, on numbers made up by hand."""

from __future__ import annotations

import json
from types import SimpleNamespace

import numpy as np
import pytest

from benchmarks.dice import cell, study
from benchmarks.dice import data as sets
from benchmarks.dice.intervals import interval, median, median_interval, over_seeds, verdict
from benchmarks.dice.plans import LONG, SHORT, plans
from benchmarks.dice.table import complete_seeds, rows
from federation.domain.data.dataset import LoadReport, SiteData
from federation.domain.data.volumes import as_slabs
from federation.domain.learning.config import LocalConfig
from federation.domain.models.registry import unet_specs
from federation.domain.twin_comparison import own_interval


def site(code: str, n: int) -> SiteData:
    """n patients of two slices; the lesion is the bright square."""
    rng = np.random.default_rng([n, *code.encode()])
    x = rng.random((2 * n, 3, 16, 16), dtype=np.float32) * 0.3
    x[:, :, 4:10, 4:10] += 0.6
    y = np.zeros((2 * n, 16, 16), dtype=np.uint8)
    y[:, 4:10, 4:10] = 1
    ids = tuple(f"TCGA_{code.upper()}_{i:04d}_19990101" for i in range(n))
    names = ("pre-contrast", "flair", "post-contrast")
    return SiteData(code, "segmentation", ids, x, y, np.repeat(np.arange(n), 2), {}, names, LoadReport(n, n))


HELD = {"cs": site("cs", 6), "du": site("du", 9), "ez": site("ez", 1)}


def test_folds_are_of_one_size_and_follow_from_the_ids_alone():
    dealt = sets.folds(HELD)
    assert np.bincount(list(dealt.values())).tolist() == [4, 4, 4, 4]
    assert sets.folds({code: HELD[code] for code in reversed(HELD)}) == dealt


def test_every_patient_is_held_out_once_and_never_beside_himself():
    seen = []
    for fold in range(sets.FOLDS):
        outside, inside = sets.split(HELD, fold)
        train = {name for part in outside.values() for name in part.record_ids}
        test = {name for part in inside.values() for name in part.record_ids}
        assert not train & test and len(train | test) == 16
        seen += sorted(test)
    assert sorted(seen) == sorted(name for part in HELD.values() for name in part.record_ids)


def test_the_choosing_fold_is_never_reported():
    assert sets.CHOOSING not in sets.REPORTED
    assert all(fold in sets.REPORTED for _, _, fold in study.cells(2))


def test_a_packed_set_is_the_set(tmp_path, monkeypatch):
    quantised = {code: part.take(np.arange(part.n_patients)) for code, part in HELD.items()}
    for part in quantised.values():
        part.x[:] = np.rint(part.x * sets.LEVELS) / sets.LEVELS
    monkeypatch.setattr(sets, "sites", lambda folder: quantised)
    sets.pack(tmp_path / "set.npz")
    for code, part in sets.unpack(tmp_path / "set.npz").items():
        assert np.allclose(part.x, quantised[code].x, atol=1e-7) and np.array_equal(part.y, quantised[code].y)
        assert part.record_ids == quantised[code].record_ids


@pytest.mark.parametrize("where", ["federated", "central", "alone"])
def test_a_cell_trains_and_answers_for_each_held_out_patient(monkeypatch, tmp_path, where):
    monkeypatch.setattr(sets, "sites", lambda path: HELD)
    spec = unet_specs(3, (4, 4, 8))[0]
    plan = cell.Plan(spec, LocalConfig(2, 2, 0.01, augment="flips", slices=2), rounds=10, where=where)
    answer = json.loads(json.dumps(cell.run(plan, fold=1, seed=0, device="cpu", path=tmp_path)))
    held_out = {name[:12] for part in sets.split(HELD, 1)[1].values() for name in part.record_ids}
    assert set(answer["dice"]) == held_out
    assert np.mean(list(answer["dice"].values())) > 0.6
    if where != "alone":
        assert [number for number, _ in answer["curve"]] == [10] and set(answer["silent"]) == held_out


def test_the_distance_is_that_of_the_surfaces():
    one, two = np.zeros((5, 9, 9), bool), np.zeros((5, 9, 9), bool)
    one[1:4, 2:5, 2:5] = two[1:4, 2:5, 4:7] = True
    assert cell.hausdorff95(one, two) == pytest.approx(2)
    assert cell.hausdorff95(one, one) == 0


def test_what_is_marked_in_slices_that_fill_up_a_slab_counts_against_nobody(monkeypatch):
    data = as_slabs(site("cs", 3), 4)  # two slices of a patient, two black ones
    black = ~data.x.any(axis=(1, 3, 4))[..., None, None]
    assert black.sum() == 3 * 2
    monkeypatch.setattr(cell, "predict", lambda *given: SimpleNamespace(label=data.y.astype(bool) | black))
    dice, distances = cell.scores(SimpleNamespace(), data)
    assert set(dice.values()) == {1.0} and set(distances.values()) == {0.0}


def test_a_study_goes_on_where_it_stopped_and_notes_what_failed(monkeypatch, tmp_path):
    path, ran = tmp_path / "cells.jsonl", []

    def run(plan, *, fold, seed, device, path):
        ran.append(fold)
        if fold == 3:
            raise RuntimeError("no memory")
        return {"dice": {"p": 0.5}}

    monkeypatch.setattr(cell, "run", run)
    wanted, short = [("unet2d", 0, fold) for fold in (1, 2, 3)], plans(SHORT)
    held = {"row": "unet2d", "seed": 0, "fold": 1, "plan": short["unet2d"].digest, "dice": {}}
    path.write_text(
        json.dumps(held | {"fold": 2, "plan": plans(LONG)["unet2d"].digest})
        + "\n"
        + json.dumps(held)
        + '\n{"row": "unet2d", "se'
    )
    answers = list(study.go_on(path, wanted, device="cpu", workers=1, data=tmp_path, plans=short))
    assert ran == [2, 3] and [("failed" in answer) for answer in answers] == [False, True]
    assert [found["fold"] for found in study.of_plans(study.finished(path), short)] == [1, 2]
    list(study.go_on(path, wanted, device="cpu", workers=1, data=tmp_path, plans=short))
    assert ran == [2, 3, 3] and study.failures(path, short) == {"unet2d": 1}
    assert study.failures(path, plans(LONG)) == {}
    path.write_text(path.read_text() + json.dumps(held | {"fold": 3}) + "\n")
    assert study.failures(path, short) == {}  # it has ended since


def made_up(row, gap=0.0, seeds=(0, 1), folds=(1, 2), **more):
    return [
        {"row": row, "seed": seed, "fold": fold, "hd95": {f"{fold}a": 4.0}, "curve": [[10, 0.5], [20, 0.95]],
         "dice": {f"{fold}a": 0.8 - gap, f"{fold}b": 0.6 - gap + 0.02 * seed}, **more}
        for seed in seeds for fold in folds
    ]  # fmt: skip


def test_the_table_says_who_is_better_and_how_sure_it_is():
    silent = {"1a": 0.1, "1b": 0.1, "2a": 0.1, "2b": 0.1}
    many = tuple(range(10))
    cells = made_up("hybrid_unet", seeds=many, silent=silent) + made_up("unet2d", seeds=many, gap=-0.1)
    cells += made_up("local", gap=0.3, curve=[])
    cells += made_up("unet3d", seeds=(0,), folds=(1,))
    found = {row.metric: row for row in rows(cells, (1, 2))}
    assert found["dice.hybrid_unet"].value == pytest.approx(0.745)  # 0.8 and the mean of 0.60 to 0.78
    assert found["dice.hybrid_unet"].runs == 10 and "4 held-out patients" in found["dice.hybrid_unet"].note
    assert "0.9 after 20 rounds (20 of 20), 0.950 at the end; commit not noted" in found["dice.hybrid_unet"].note
    twin = found["dice.hybrid_minus_unet2d"]
    assert twin.value == pytest.approx(-0.1) and twin.note.startswith("160 rounds, rate 0.001; hybrid minus unet2d")
    assert "ahead in 0 of 10 seeds and 0 of 4 patients, -0.100 at the median patient" in twin.note
    assert "HD95 of masks that both have 4.0 and 4.0 voxels" in twin.note and "the hybrid is worse" in twin.note
    assert found["dice.silenced_circuit"].value == pytest.approx(0.645)
    assert "single models 0.600 to 0.690 (20)" in found["dice.silenced_circuit"].note
    assert "unadjusted, no verdict" in found["dice.hybrid_minus_local"].note
    assert "dice.unet3d" not in found  # a fold is missing


def noted(seeds, *, failed=None, **more):
    cells = made_up("hybrid_unet", seeds=seeds, silent={}) + made_up("unet2d", seeds=seeds, gap=0.1, **more)
    for made in cells:
        made["silent"] = made["dice"]
    found = {row.metric: row.note for row in rows(cells, (1, 2), rounds=SHORT, failed=failed)}
    return found["dice.hybrid_minus_unet2d.40_rounds"], found["dice.unet2d.40_rounds"]


def test_a_verdict_is_of_the_ten_seeds_of_the_study_and_of_no_others():
    assert "the hybrid is better" in noted(range(10))[0] and "40 rounds, rate 0.0005" in noted(range(10))[0]
    assert "no verdict from 9 of 10 seeds" in noted(range(9))[0]
    assert "ahead in 10 of 10 seeds" in noted(range(12))[0]  # two were added after a look
    assert "no verdict" in noted(range(3, 13))[0]
    said, row = noted(range(10), failed={"unet2d": 2})  # a seed that is left out for that is no chance
    assert "no verdict" in said and "2 cells did not end" in row


def test_who_has_no_model_of_his_own_hospital_is_no_part_of_the_difference():
    assert "of 3 patients" in noted(range(10), unanswered=["1a"])[0]


def test_a_verdict_asks_both_intervals_and_says_how_much_is_left_open():
    rng = np.random.default_rng(1)
    patients = np.tile(rng.normal(0.05, 0.01, (40, 1)), 10)
    assert verdict(patients).endswith("the hybrid is better") and verdict(-patients).endswith("the hybrid is worse")
    assert "nothing of clinical meaning" in verdict(patients / 10)
    seeds = np.tile(rng.normal(0.03, 0.06, (1, 10)), (40, 1))
    assert over_seeds(seeds)[0] < interval(seeds, of_seeds=True)[0]  # Student's is wider where trainings differ
    assert "no difference shown" in verdict(seeds) and "are compatible with it" in verdict(seeds)
    assert "more than 0.02 either way is unlikely" in verdict(rng.normal(0, 0.01, (40, 10)))


def test_an_interval_over_seeds_alone_is_students_by_hand():
    gaps = np.array([[0.0, 0.1, 0.2], [0.2, 0.3, 0.4]])  # means 0.1, 0.2, 0.3: sd 0.1, t of 2 degrees 4.3027
    reach = 4.3027 * 0.1 / 3**0.5
    assert over_seeds(gaps) == pytest.approx((0.2 - reach, 0.2 + reach), abs=1e-4)


def test_the_median_is_that_of_a_training_not_of_averaged_patients():
    values = np.array([[0.0, 0.9], [0.5, 0.5], [0.9, 0.0]])
    assert median(values) == 0.5 and median(np.array([[0.0, 1.0], [0.2, 0.2], [1.0, 0.0]])) == 0.2
    low, high = median_interval(values)
    assert low <= 0.5 <= high


def test_only_whole_seeds_count():
    assert complete_seeds(made_up("x", seeds=(0,)) + made_up("x", seeds=(1,), folds=(1,)), (1, 2)) == [0]


def test_an_interval_over_patients_covers_the_mean():
    values = np.array([[0.2, 0.4, 0.9, 0.7, 0.8]]).T
    low, high = interval(values)
    assert low < values.mean() < high and (low, high) == interval(values)


def test_an_interval_over_seeds_too_holds_what_another_training_changes():
    """All patients alike, seeds at 0 and 1: drawn patients show 1/2 always, drawn seeds 0, 1/2 or 1."""
    values = np.tile([0.0, 1.0], (30, 1))
    assert interval(values) == pytest.approx((0.5, 0.5))
    assert interval(values, of_seeds=True) == pytest.approx((0, 1))
    # Patients and seeds independent: the variances of the two means add up. 1/4/400 and 1/4/100, a normal's 1.96.
    rng = np.random.default_rng(0)
    values = (rng.permutation(400) % 2)[:, None] + (rng.permutation(100) % 2)[None]
    low, high = interval(values, of_seeds=True)
    assert high - low == pytest.approx(2 * 1.96 * 0.5 * (1 / 400 + 1 / 100) ** 0.5, rel=0.05)


def test_patients_are_drawn_and_not_their_images_or_seeds():
    """Of two patients at 0 and 1, drawn twice with return, the mean is 0, 1/2 or 1 with 1/4, 1/2 and 1/4."""
    assert interval(np.array([[0.0], [1.0]])) == (0, 1)
    patients = {"p": 0.0, "q": 1.0}
    cells = [
        {"row": "hybrid_unet", "seed": seed, "fold": 1, "plan": "x", "dice": patients, "hd95": patients,
         "silent": patients, "curve": []}
        for seed in range(10)
    ]  # fmt: skip
    (row, *_) = rows(cells, (1,))
    assert row.value == 0.5 and "patients and seeds 0.000 to 1.000; 2 held-out patients, 10 seeds" in row.note


def test_the_interval_of_a_runs_page_is_that_of_drawing_patients():
    """A site sends sums and no rows, so a run's page cannot draw patients: it says what the sums say of them."""
    dice = np.random.default_rng(3).beta(4, 2, 60)
    drawn, summed = interval(dice[:, None]), own_interval(60, dice.sum(), (dice**2).sum(), binary=False)
    assert drawn == pytest.approx(summed, abs=0.01)
    # By hand: 100 patients at 0.2 and 100 at 0.6. Variance 0.04 * 200 / 199; t of 199 degrees 1.972.
    reach = 1.972 * (0.04 / 199) ** 0.5
    assert own_interval(200, 80.0, 100 * (0.04 + 0.36), binary=False) == pytest.approx(
        (0.4 - reach, 0.4 + reach), abs=1e-4
    )
