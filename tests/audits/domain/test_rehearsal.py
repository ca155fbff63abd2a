"""A planted gap has the size asked for, in the group asked for, from the case asked for."""

from dataclasses import dataclass, replace

import numpy as np
import pytest

from audits.domain.rehearsal import Plan, PlanError, prepare, rehearsed_cases
from federation.domain.data.dataset import LoadReport, SiteData
from federation.domain.data.phantom import PhantomSource

N = 2000


def data(seed: int = 1) -> SiteData:
    """The model below flags whose first feature is over a half: 80 % of the ill, 10 % of the healthy."""
    rng = np.random.default_rng(seed)
    y = rng.integers(0, 2, N)
    flagged = rng.random(N) < np.where(y, 0.8, 0.1)
    x = rng.random((N, 4)).astype(np.float32)
    x[:, 0] = (flagged + rng.random(N)) / 2
    return SiteData(
        "north", "classification", tuple(map(str, range(N))), x, y, np.arange(N),
        {"sex": rng.choice(["female", "male"], N)}, ("a", "b", "c", "d"), LoadReport(N, N),
    )  # fmt: skip


def judge(held: SiteData):
    flagged, label, nan = held.x[:, 0] > 0.5, held.y.astype(bool), np.full(len(held.y), np.nan)
    return {
        "tpr": np.where(label, flagged, nan),
        "fpr": np.where(label, nan, flagged),
        "accuracy": (flagged == label).astype(float),
    }, flagged


@dataclass
class Held:
    data: SiteData

    def load(self, site: str) -> SiteData:
        return self.data


def rate(cases, metric: str, group: str, since: int = 0, until: int = 10**9) -> float:
    values = []
    for batch in cases:
        numbers = np.arange(batch.first, batch.first + batch.truth.n_patients)
        mine = (batch.truth.groups["sex"] == group) & (numbers >= since) & (numbers < until)
        values.append(judge(replace(batch.shown, y=batch.truth.y))[0][metric][mine])
    return float(np.nanmean(np.concatenate(values)))


def sent(plan: Plan, held: SiteData | None = None) -> list:
    held = held or data()
    return list(rehearsed_cases(Held(held), "north", plan, prepare(plan, held, judge), size=50))


@pytest.mark.parametrize(("metric", "sign"), [("tpr", -1), ("fpr", 1), ("accuracy", -1)])
def test_a_gap_has_its_size_in_its_group_alone_from_its_onset_on(metric, sign):
    same = sent(Plan("none", count=8000))
    gap = sent(Plan("gap", metric, "sex", "female", 0.25, onset=4000, count=8000))
    change = {
        (group, part): rate(gap, metric, group, *part) - rate(same, metric, group, *part)
        for group in ("female", "male") for part in ((0, 4000), (4000, 8000))
    }  # fmt: skip
    assert change["female", (4000, 8000)] == pytest.approx(sign * 0.25, abs=0.03)
    assert change["female", (0, 4000)] == change["male", (0, 4000)] == change["male", (4000, 8000)] == 0
    assert all((a.truth.y == b.truth.y).all() for a, b in zip(same, gap, strict=True))


def test_a_drift_grows_evenly_to_its_size():
    plan = Plan("drift", "tpr", "sex", "female", 0.4, onset=100, count=1101)
    assert plan.size_at(np.array([0, 99, 100, 600, 1100])) == pytest.approx([0, 0, 0, 0.2, 0.4])


def test_the_same_seed_sends_the_same_and_another_does_not():
    plan = Plan("gap", "tpr", "sex", "female", 0.3, onset=10, count=200, seed=3)
    first, again, other = sent(plan), sent(plan), sent(replace(plan, seed=4))
    assert all((a.shown.x == b.shown.x).all() and a.spoilt == b.spoilt for a, b in zip(first, again, strict=True))
    assert not all((a.shown.x == b.shown.x).all() for a, b in zip(first, other, strict=True))


def test_images_are_faded_until_the_model_sees_nothing():
    source = PhantomSource(patients=40, n_sites=2)
    held = source.load("phantom-1")

    def see(shown: SiteData):
        return {"dice": (shown.x.std(axis=(1, 2, 3)) > 0.05).astype(float)}, np.ones(shown.n_patients, dtype=bool)

    plan = Plan("gap", "dice", "sex", "female", 0.5, count=60)
    for batch in rehearsed_cases(source, "phantom-1", plan, prepare(plan, held, see), size=30):
        blind = see(batch.shown)[0]["dice"] == 0
        assert 0 < blind.sum() == batch.spoilt < batch.truth.n_patients
        assert set(batch.truth.groups["sex"][blind]) == {"female"}


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"kind": "wave"}, "gap, drift, none"),
        ({"count": 0}, "count of 1"),
        ({"size": 0.0}, "between 0 and 1"),
        ({"size": 1.5}, "between 0 and 1"),
        ({"onset": 100}, "from 0 to 99"),
        ({"onset": -1}, "from 0 to 99"),
        ({"seed": -1}, "seed of 0"),
        ({"metric": "dice"}, "tpr, fpr, accuracy"),
        ({"attribute": "shoe"}, "among sex"),
        ({"group": "44"}, "among female, male"),
        ({"size": 0.95}, "at most 0.8"),
        ({"metric": "fpr", "size": 0.95}, "at most 0.8|at most 0.9"),
    ],
)
def test_a_plan_that_cannot_be_carried_out_is_refused_with_what_could_be(changes, said):
    given = {"kind": "gap", "metric": "tpr", "attribute": "sex", "group": "female", "size": 0.2, "count": 100}
    with pytest.raises(PlanError, match=said):
        prepare(Plan(**{**given, **changes}), data(), judge)
