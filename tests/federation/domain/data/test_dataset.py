import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from federation.domain.data.dataset import LoadReport, SiteData, split

FRACTIONS = st.tuples(*[st.integers(1, 20)] * 3).map(lambda parts: tuple(part / sum(parts) for part in parts))


@st.composite
def site_data(draw, least=1):
    """Patients with one to four slices each, whose pixels and masks carry patient and slice for recognition."""
    slices = draw(st.lists(st.integers(1, 4), min_size=least, max_size=30))
    index = np.repeat(np.arange(len(slices)), slices)
    index = index[np.array(draw(st.permutations(range(len(index)))), dtype=int)]
    x = np.stack([index, np.arange(len(index))], axis=1).astype(np.float32)
    return SiteData(
        site="a",
        task="segmentation",
        record_ids=tuple(f"p{i}" for i in range(len(slices))),
        x=x,
        y=(x[:, 1].astype(int) % 2).astype(np.uint8),
        patient_index=index,
        groups={"sex": np.array([f"group {i % 3}" for i in range(len(slices))])},
        feature_names=("patient", "row"),
        report=LoadReport(len(slices), len(slices)),
    )


def by_patient(data):
    """Patient to (group, rows in order, labels): independent of where the patient stands."""
    return {
        record: (
            data.groups["sex"][i],
            data.x[data.patient_index == i].tolist(),
            data.y[data.patient_index == i].tolist(),
        )
        for i, record in enumerate(data.record_ids)
    }


@given(site_data(), st.data())
def test_taking_patients_keeps_each_whole_and_in_the_asked_order(data, choice):
    asked = choice.draw(st.lists(st.integers(0, data.n_patients - 1), unique=True))
    part = data.take(np.array(asked, dtype=np.int64))
    assert part.record_ids == tuple(data.record_ids[i] for i in asked)
    assert by_patient(part) == {f"p{i}": by_patient(data)[f"p{i}"] for i in asked}
    assert (np.diff(part.patient_index) >= 0).all()


@given(site_data(), st.integers(0, 2**32 - 1), FRACTIONS)
def test_a_split_gives_every_patient_to_exactly_one_set(data, seed, fractions):
    parts = split(data, seed=seed, fractions=fractions)
    whole = [by_patient(part) for part in (parts.train, parts.validation, parts.audit)]
    assert sum(map(len, whole)) == data.n_patients
    assert whole[0] | whole[1] | whole[2] == by_patient(data)


@given(site_data(least=3), st.integers(0, 2**32 - 1))
def test_the_same_seed_gives_the_same_split_and_sizes_follow_the_fractions(data, seed):
    first, second = split(data, seed=seed), split(data, seed=seed)
    assert first.audit.record_ids == second.audit.record_ids
    assert abs(first.train.n_patients - 0.5 * data.n_patients) <= 0.5
    assert abs(first.validation.n_patients - 0.15 * data.n_patients) <= 0.5


def test_a_row_of_pixels_follows_its_patient_in_a_case_worked_out_by_hand():
    data = SiteData(
        site="a",
        task="segmentation",
        record_ids=("p0", "p1", "p2"),
        x=np.array([[0.0], [1.0], [1.5], [2.0]], dtype=np.float32),
        y=np.array([0, 1, 0, 1], dtype=np.uint8),
        patient_index=np.array([0, 1, 1, 2]),
        groups={"sex": np.array(["f", "m", "f"])},
        feature_names=("value",),
        report=LoadReport(3, 3),
    )
    part = data.take(np.array([2, 1]))
    assert part.x.ravel().tolist() == [2.0, 1.0, 1.5] and part.y.tolist() == [1, 1, 0]
    assert part.patient_index.tolist() == [0, 1, 1] and part.groups["sex"].tolist() == ["f", "m"]


@pytest.mark.parametrize("fractions", [(0.5, 0.5, 0.0), (0.5, 0.4, 0.2), (1.2, -0.1, -0.1)])
def test_fractions_must_be_positive_and_add_up(fractions):
    with pytest.raises(ValueError, match="three positive fractions that sum to 1"):
        split(
            SiteData("a", "classification", (), *[np.zeros(0)] * 3, {}, (), LoadReport(0, 0)),
            seed=1,
            fractions=fractions,
        )
