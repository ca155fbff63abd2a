from pathlib import Path

import numpy as np
import pytest

from federation.domain.data.dataset import DataError
from federation.domain.data.heart import COLUMNS, FEATURES, HeartSource
from federation.domain.data.registry import digest, manifest

REAL = Path(__file__).resolve().parents[5] / "shared" / "data" / "heart"
SITES = ("cleveland", "hungarian", "switzerland", "va")
GOOD = "63.0,1.0,1.0,145.0,233.0,1.0,2.0,150.0,0.0,2.3,3.0,0.0,6.0,0"


def write(folder: Path, *lines: str, site: str = "va") -> HeartSource:
    (folder / f"processed.{site}.data").write_text("\n".join(lines) + "\n")
    return HeartSource(folder)


def changed(**cells: str) -> str:
    return ",".join(cells.get(name, cell) for name, cell in zip(COLUMNS, GOOD.split(","), strict=True))


@pytest.fixture(scope="module")
def real():
    source = HeartSource(REAL)
    return {site: source.load(site) for site in SITES}


def test_chosen_columns_are_all_that_leaves_the_loader(tmp_path):
    source, chosen = write(tmp_path, GOOD, changed(age="41")), HeartSource(tmp_path, ("age", "thal_7"))
    whole, few = source.load("va"), chosen.load("va")
    assert few.feature_names == ("age", "thal_7")
    assert np.array_equal(few.x, whole.x[:, [whole.feature_names.index(name) for name in few.feature_names]])
    assert np.array_equal(few.y, whole.y) and few.record_ids == whole.record_ids
    stated = manifest(chosen, few)
    assert stated["options"] == {"columns": "age,thal_7"} and stated["shape"] == [2]
    assert "options" not in manifest(source, whole) and stated["sha256"] != digest(whole)


def test_all_920_patients_of_the_four_hospitals_are_used(real):
    assert [real[site].n_patients for site in SITES] == [303, 294, 123, 200]
    for data in real.values():
        assert data.report.found == data.report.used == data.n_patients and not data.report.refused


def test_base_rates_and_sexes_are_those_of_the_set(real):
    assert [round(100 * float(real[site].y.mean())) for site in SITES] == [46, 36, 93, 74]
    assert [int((real[site].groups["sex"] == "female").sum()) for site in SITES] == [97, 81, 10, 6]


def test_a_cholesterol_or_pressure_of_zero_is_missing_and_counted(real):
    assert real["switzerland"].report.imputed["chol"] == 123
    assert real["va"].report.imputed["chol"] == 49 + 7
    assert real["va"].report.imputed["trestbps"] == 1 + 56
    assert real["cleveland"].report.imputed == {"ca": 4}


def test_columns_that_a_hospital_lacks_say_so_in_a_column_of_their_own(real):
    missing = {site: real[site].x[:, FEATURES.index("slope_missing")].sum() for site in SITES}
    assert missing == {"cleveland": 0, "hungarian": 190, "switzerland": 17, "va": 102}
    assert "slope: missing for 190 of 294 patients, encoded in a column of its own, not imputed" in (
        real["hungarian"].report.notes
    )


def test_arrays_have_the_promised_shapes_types_and_range(real):
    for data in real.values():
        assert data.x.shape == (data.n_patients, 26) and data.x.dtype == np.float32 and data.y.dtype == np.int64
        assert np.isfinite(data.x).all() and data.x.min() >= -1 and data.x.max() <= 2
        assert len(set(data.record_ids)) == data.n_patients
        assert data.patient_index.tolist() == list(range(data.n_patients))
        assert set(data.groups["age_band"]) <= {"under 50", "50-64", "65 and over"}


def test_one_patient_is_encoded_as_worked_out_by_hand(tmp_path):
    data = write(tmp_path, "50,0,3,140,?,1,1,130,1,3,?,3,7,2").load("va")
    expected = {
        **{"age": 0.5, "sex_male": 0, "cp_3": 1, "trestbps": 0.5, "chol": 1 / 3, "chol_missing": 1, "fbs": 1},
        **{"restecg_1": 1, "thalach": 0.5, "exang": 1, "oldpeak": 0.5, "slope_missing": 1, "ca": 1, "thal_7": 1},
    }
    assert data.x[0] == pytest.approx([expected.get(name, 0) for name in FEATURES])
    assert data.y.tolist() == [1]
    assert (data.groups["sex"][0], data.groups["age_band"][0]) == ("female", "50-64")
    assert data.record_ids == ("va-0001",) and data.report.imputed == {"chol": 1}


@pytest.mark.parametrize(
    ("age", "band"), [("49", "under 50"), ("50", "50-64"), ("64", "50-64"), ("65", "65 and over"), ("?", "unknown")]
)
def test_age_bands_begin_at_50_and_65(tmp_path, age, band):
    assert write(tmp_path, changed(age=age)).load("va").groups["age_band"].tolist() == [band]


def test_a_missing_sex_is_a_group_and_not_a_reason_to_drop(tmp_path):
    data = write(tmp_path, changed(sex="?")).load("va")
    assert data.groups["sex"].tolist() == ["unknown"]
    assert data.x[0, FEATURES.index("sex_male")] == 0.5 and data.report.imputed == {"sex": 1}


def test_a_patient_without_diagnosis_is_refused_with_the_line(tmp_path):
    report = write(tmp_path, GOOD, changed(num="?")).load("va").report
    assert (report.found, report.used) == (2, 1)
    assert [(r.file, r.line) for r in report.refused] == [("processed.va.data", 2)]
    assert "no diagnosis" in report.refused[0].reason


def test_windows_line_ends_and_empty_last_lines_are_accepted(tmp_path):
    (tmp_path / "processed.va.data").write_bytes(f"{GOOD}\r\n{GOOD}\r\n\r\n".encode())
    data = HeartSource(tmp_path).load("va")
    assert data.n_patients == 2 and "1 of 2 patients repeat" in data.report.notes[0]


RECODED_COPY = "63,1,3,145,233,1,0,150,0,2.3,0,0,1,1"


@pytest.mark.parametrize(
    ("line", "says"),
    [
        (GOOD.rsplit(",", 1)[0], "14 comma-separated columns"),
        (GOOD.replace(",", " "), "14 comma-separated columns"),
        ("", "an empty line"),
        (changed(chol="high"), "a number or ? for chol, got 'high'"),
        (changed(chol=""), "a number or ? for chol, got ''"),
        (changed(chol="nan"), "a number or ? for chol, got 'nan'"),
        (changed(chol="2_33"), "a number or ? for chol"),
        (changed(sex="2"), "one of 0, 1 or ? for sex, got 2"),
        (changed(thal="5"), "one of 3, 6, 7 or ? for thal, got 5"),
        (changed(cp="1.5"), "one of 1, 2, 3, 4 or ? for cp, got 1.5"),
        (changed(num="5"), "one of 0, 1, 2, 3, 4 or ? for num"),
        (changed(age="630"), "age from 1 to 120"),
        (changed(trestbps="-9"), "trestbps from 40 to 300"),
        (changed(cp="0"), "recoded copy of the Cleveland file"),
        (changed(thal="2"), "label inverted"),
        (changed(ca="4"), "label inverted"),
        (RECODED_COPY, "recoded copy of the Cleveland file"),
    ],
)
def test_a_faulty_line_is_named_with_its_file(tmp_path, line, says):
    with pytest.raises(DataError, match=r"processed\.va\.data, line 2: expected") as caught:
        write(tmp_path, GOOD, line, GOOD).load("va")
    assert says in str(caught.value) and caught.value.line == 2


def test_a_header_tells_which_copy_it_is(tmp_path):
    header = "age,sex,cp,trestbps,chol,fbs,restecg,thalach,exang,oldpeak,slope,ca,thal,target"
    with pytest.raises(DataError, match="line 1: .* got a header. This seems to be the recoded copy"):
        write(tmp_path, header, RECODED_COPY).load("va")


@pytest.mark.parametrize(
    ("content", "says"),
    [(b"", "an empty file"), (b"\n \n", "an empty file"), (GOOD.encode() + b"\n\xff", "line 2: expected plain ASCII")],
)
def test_a_file_without_readable_patients_is_refused(tmp_path, content, says):
    (tmp_path / "processed.va.data").write_bytes(content)
    with pytest.raises(DataError, match=says):
        HeartSource(tmp_path).load("va")


def test_a_file_without_any_diagnosis_is_an_error(tmp_path):
    with pytest.raises(DataError, match="at least one patient with a diagnosis, got 1 without"):
        write(tmp_path, changed(num="?")).load("va")


def test_a_site_needs_its_own_file_only(tmp_path):
    source = write(tmp_path, GOOD)
    assert source.load("va").n_patients == 1
    with pytest.raises(
        DataError,
        match=r"processed\.cleveland\.data: expected a readable file processed\.cleveland\.data, got No such file",
    ):
        source.load("cleveland")
    with pytest.raises(DataError, match="one of the sites cleveland, hungarian, switzerland, va, got 'boston'"):
        source.load("boston")
