import gzip
import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from federation.domain.data.dataset import simulated_site
from federation.domain.data.mimic_cxr import MimicCxrSource
from federation.domain.data.mimic_demographics import RACE_BEGINNINGS, race_group
from federation.domain.data.mimic_studies import METADATA, earliest_frontal
from federation.domain.data.registry import manifest, open_source
from tests.factories.mimic_layout import Patient, Study, grey, image_path, write_mimic, write_table

EFFUSION = {"Pleural Effusion": "1.0"}


def one_site(root, **options):
    return MimicCxrSource(root, n_sites=1, px=4, **options).load("mimic-cxr-1")


def patient(number, *studies, **facts):
    return Patient(str(10_000_000 + number), studies or (Study(number),), **facts)


def groups_by_id(data):
    return {
        record: {name: str(values[row]) for name, values in data.groups.items()}
        for row, record in enumerate(data.record_ids)
    }


@pytest.fixture
def trapped(tmp_path):
    """Each way in which a real patient is incomplete, beside two who are not."""
    return write_mimic(
        tmp_path,
        [
            patient(1, Study(1, labels=EFFUSION), gender="M", races=("BLACK/CAPE VERDEAN", "BLACK/AFRICAN AMERICAN")),
            patient(2, Study(2)),
            patient(3, Study(3, views=("LATERAL", "LL"))),
            patient(4, Study(4, labels={"Edema": "-1.0"})),
            patient(5, Study(5, labels=None)),
            patient(6, Study(6, labels={"Support Devices": "1.0"})),
            patient(7, Study(7, labels={"No Finding": "1.0", "Edema": "1.0"})),
            patient(8, Study(8), gender=None, races=()),
            patient(9, Study(9), races=("WHITE", "HISPANIC/LATINO - CUBAN")),
            patient(10, Study(10), races=("UNKNOWN", "ASIAN - KOREAN", "UNABLE TO OBTAIN")),
            patient(11, Study(11), anchor_year="2310"),
            patient(12, Study(12), gender="", anchor_age="", anchor_year="", races=("",)),
        ],
    )


def test_every_patient_is_used_or_refused_with_a_reason(trapped):
    data = one_site(trapped)
    report = data.report
    assert data.record_ids == tuple(f"p{10_000_000 + n}" for n in (1, 2, 8, 9, 10, 11, 12))
    assert data.y.tolist() == [1, 0, 0, 0, 0, 0, 0]
    assert (report.found, report.used, len(report.refused)) == (12, 7, 5)
    assert {refusal.file[-2:]: refusal.reason for refusal in report.refused} == {
        "03": "no frontal radiograph (PA or AP)",
        "04": "label uncertain",
        "05": "no row of labels",
        "06": "label not mentioned",
        "07": "label contradictory",
    }


def test_missing_or_conflicting_demographics_form_the_group_unknown(trapped):
    data = one_site(trapped)
    told = {record[-2:]: tuple(groups.values()) for record, groups in groups_by_id(data).items()}
    assert list(data.groups) == ["sex", "race", "age_band"]
    assert told == {
        "01": ("male", "black", "50-64"),
        "02": ("female", "white", "50-64"),
        "08": ("unknown", "unknown", "unknown"),
        "09": ("female", "unknown", "50-64"),
        "10": ("female", "asian", "50-64"),
        "11": ("female", "white", "unknown"),
        "12": ("unknown", "unknown", "unknown"),
    }
    for note in (
        "race: missing for 3 of 7 patients, who form the group unknown",
        "1 of 7 patients have no row in hosp/patients",
        "1 of 7 patients have no row in hosp/admissions",
        "1 of 7 patients have admissions that disagree on race, which is unknown for them",
        "1 of 7 patients would be younger than 0 or older than 120 at the radiograph; their age is unknown",
    ):
        assert note in data.report.notes


@pytest.mark.parametrize(
    ("label", "uncertain", "expected"),
    [
        ("any_finding", "drop", [1, 0, None, 1, None]),
        ("any_finding", "positive", [1, 0, 1, 1, None]),
        ("any_finding", "negative", [1, 0, 0, 1, None]),
        ("pleural_effusion", "drop", [1, 0, None, 0, 0]),
        ("pleural_effusion", "positive", [1, 0, 1, 0, 0]),
        ("pleural_effusion", "negative", [1, 0, 0, 0, 0]),
        ("edema", "drop", [0, 0, 0, 1, 0]),
    ],
)
def test_the_label_and_the_rule_for_uncertain_reports_decide_who_is_ill(tmp_path, label, uncertain, expected):
    said = (
        *(EFFUSION, {"No Finding": "1.0", "Pleural Effusion": "0.0"}, {"Pleural Effusion": "-1.0"}),
        *({"Edema": "1", "Pleural Effusion": "0"}, {"Support Devices": "1"}),
    )
    write_mimic(tmp_path, [patient(n, Study(n, labels=labels)) for n, labels in enumerate(said)])
    data = one_site(tmp_path, label=label, uncertain=uncertain)
    truth = dict(zip(data.record_ids, data.y.tolist(), strict=True))
    assert [truth.get(f"p{10_000_000 + n}") for n in range(5)] == expected
    assert f"label {label}, of the earliest frontal study of each patient; uncertain: {uncertain}" in data.report.notes


def test_the_tables_of_an_old_mimic_iv_are_read_from_core(tmp_path):
    write_mimic(tmp_path / "new", [patient(1), patient(2, gender=None, races=())])
    write_mimic(tmp_path / "old", [patient(1), patient(2, gender=None, races=())], race_column="ethnicity")
    (tmp_path / "old" / "hosp").rename(tmp_path / "old" / "core")
    (tmp_path / "old" / "hosp").mkdir()  # laboratory values and the like, which are not read
    new, old = one_site(tmp_path / "new"), one_site(tmp_path / "old")
    assert groups_by_id(old) == groups_by_id(new) and groups_by_id(old)["p10000001"]["race"] == "white"
    assert "1 of 2 patients have no row in core/patients" in old.report.notes
    assert "1 of 2 patients have no row in hosp/patients" in new.report.notes


def test_a_label_that_the_report_does_not_mention_counts_as_absent_and_is_counted(tmp_path):
    write_mimic(tmp_path, [patient(1, Study(1, labels={"Edema": "0.0"})), patient(2)])
    assert "label not mentioned for 1 of 2 patients, taken as 0" in one_site(tmp_path, label="edema").report.notes


def test_the_earliest_frontal_study_is_used_and_pa_goes_before_ap(tmp_path):
    early = Study(9, views=("AP", "LATERAL", "PA"), time="80556.875")  # 08:05:56, written as a number
    late = Study(1, labels=EFFUSION, time="213014.531")
    lateral = Study(2, labels=EFFUSION, views=("LATERAL",), date="21790101")
    someone = patient(1, late, lateral, early)
    write_mimic(tmp_path, [someone])
    for study, view in ((late, "PA"), (lateral, "LATERAL"), (early, "AP"), (early, "LATERAL")):
        image_path(tmp_path, someone, study, view).write_bytes(b"never opened")
    assert one_site(tmp_path).y.tolist() == [0]


def test_features_are_area_means_of_the_stretched_image(tmp_path):
    pixels = grey(0, (64, 32))
    pixels[:16, :8], pixels[48:, 24:] = 255, 102  # the first and the last of 4 x 4 areas, on borders of 8 x 8 blocks
    write_mimic(tmp_path, [patient(1, Study(1, pixels=pixels))])
    data = one_site(tmp_path)
    assert data.x.shape == (1, 32) and data.x.dtype == np.float32
    assert (data.feature_names[6], data.feature_names[22]) == ("bright row 2 column 3", "dark row 2 column 3")
    assert data.x[0, :16] == pytest.approx([1, *[0] * 15], abs=0.01)
    assert data.x[0, 16:] == pytest.approx([0, *[1] * 14, 0.2], abs=0.01)  # 102 is a fifth under 127.5
    assert "features: means of 4 x 4 equal areas of the whole image, over and under mid-grey" in data.report.notes


def test_age_is_that_at_the_radiograph(tmp_path):
    people = [patient(n, Study(n, date=f"{year}0101"), anchor_age="60") for n, year in enumerate((2169, 2184, 2185))]
    write_mimic(tmp_path, people)
    assert one_site(tmp_path).groups["age_band"].tolist() == ["under 50", "50-64", "65 and over"]


def test_plain_tables_and_the_older_column_name_load_alike(tmp_path):
    people = [patient(1, Study(1, labels=EFFUSION)), patient(2, races=("HISPANIC OR LATINO",))]
    packed = one_site(write_mimic(tmp_path / "packed", people))
    plain = one_site(write_mimic(tmp_path / "plain", people, packed=False, race_column="ethnicity"))
    assert plain.report == packed.report and groups_by_id(plain) == groups_by_id(packed)
    assert np.array_equal(plain.x, packed.x) and plain.groups["race"].tolist() == ["white", "hispanic"]


def test_sites_share_all_patients_out_and_a_patient_never_moves(tmp_path):
    people = [patient(n) for n in range(24)]
    write_mimic(tmp_path, people)
    source = MimicCxrSource(tmp_path, n_sites=3, px=4)
    held = {site.code: source.load(site.code).record_ids for site in source.sites()}
    assert sorted(sum(held.values(), ())) == [f"p{p.subject}" for p in people]
    fewer = MimicCxrSource(tmp_path, n_sites=3, px=4, patients=12)
    for code, ids in held.items():
        data = fewer.load(code)
        assert data.record_ids == tuple(i for i in ids if i <= "p10000011")
        assert "subset of the 12 lowest of 24 patient ids" in data.report.notes
    assert [simulated_site(p.subject, 3) for p in people[:4]] == [2, 2, 1, 1]  # by `sha256sum`


def test_a_copy_without_some_top_folders_is_declared(tmp_path):
    far = Patient("19000001", (Study(2),))
    write_mimic(tmp_path, [patient(1), far])
    image_path(tmp_path, far, far.studies[0]).unlink()
    for folder in ("p19/p19000001/s50000002", "p19/p19000001", "p19"):
        (tmp_path / "files" / folder).rmdir()
    report = one_site(tmp_path).report
    assert (report.found, report.used) == (1, 1)
    assert "partial copy: 1 of 2 patients left out, whose folders files/p10 to files/p19 are not here" in report.notes


def test_the_manifest_declares_the_rules_and_names_nobody(trapped):
    spec = f"mimic_cxr:{trapped}?label=any_finding&uncertain=drop&sites=1&px=8&patients=100"
    source = open_source(spec)
    assert source == MimicCxrSource(trapped, "any_finding", "drop", 1, 8, 100)
    facts = manifest(source, source.load("mimic-cxr-1"))
    text = json.dumps(facts)
    assert facts == manifest(source, source.load("mimic-cxr-1")) and facts["shape"] == [128]
    assert facts["report"]["refused"]["label uncertain"] == 1 and not facts["synthetic"]
    assert "simulated site: SHA-256 of the patient's id modulo 1; all patients are of one hospital" in text
    assert not [record for record in ("100000", "500000", str(trapped)) if record in text.replace(facts["sha256"], "")]


def test_tables_are_streamed_past_patients_of_no_interest(tmp_path):
    """Rows of other patients are not judged: MIMIC-IV has four times the patients of MIMIC-CXR."""
    write_mimic(tmp_path, [patient(1)])
    with gzip.open(tmp_path / "hosp/admissions.csv.gz", "at") as stream:
        stream.write("19999999,1,,,,,,NOT A RACE\n")
    assert one_site(tmp_path).n_patients == 1


@given(st.sampled_from([start for start, _ in RACE_BEGINNINGS]), st.sampled_from(["", " - OTHER", "/LATINO - CUBAN"]))
def test_subdivisions_of_race_keep_their_group(start, more):
    assert race_group(start + more) == race_group(start.lower()) == dict(RACE_BEGINNINGS)[start]


@given(st.text(st.characters(codec="ascii"), min_size=1, max_size=12))
def test_a_race_that_nobody_documented_has_no_group(text):
    known = any(text.upper().startswith(start) for start, _ in RACE_BEGINNINGS)
    assert (race_group(text) is not None) == known


taken = st.tuples(
    st.sampled_from(["21800506", "21800507"]),
    st.sampled_from(["0.0", "80556.875", "213014.531"]),
    st.sampled_from([("PA",), ("AP",), ("AP", "PA"), ("LATERAL",), ("",)]),
)


@settings(max_examples=40, deadline=None)
@given(st.lists(taken, min_size=1, max_size=4), st.randoms())
def test_the_choice_is_the_earliest_whatever_the_order_of_the_rows(tmp_path_factory, facts, random):
    root = tmp_path_factory.mktemp("mimic")
    studies = [Study(n, views, date=date, time=time) for n, (date, time, views) in enumerate(facts)]
    rows = [
        {"subject_id": "10000001", "study_id": s.name, "dicom_id": s.dicom(view), "ViewPosition": view}
        | {"StudyDate": s.date, "StudyTime": s.time}
        for s in studies
        for view in s.views
    ]
    random.shuffle(rows)
    write_table(root / METADATA, list(rows[0]), [list(row.values()) for row in rows])
    chosen = earliest_frontal(root)["10000001"]
    frontal = [s for s in studies if {"PA", "AP"} & set(s.views)]
    if not frontal:
        assert chosen is None
        return
    first = min(frontal, key=lambda s: (s.date, float(s.time), s.name))
    assert (chosen.study, chosen.dicom) == (first.name, first.dicom("PA" if "PA" in first.views else "AP"))
