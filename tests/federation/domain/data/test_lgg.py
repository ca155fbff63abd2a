from pathlib import Path

import numpy as np
import pytest
import tifffile

from federation.domain.data.lgg import LggSource

REAL = Path(__file__).resolve().parents[5] / "shared" / "data" / "lgg"
PATIENTS = {"cs": 12, "du": 30, "ez": 1, "fg": 10, "ht": 24}
SLICES = {"cs": 268, "du": 1237, "ez": 24, "fg": 457, "ht": 768}


@pytest.fixture(scope="module")
def real():
    source = LggSource(REAL, px=64, slices=3)
    return {site.code: source.load(site.code) for site in source.sites()}


def write_patient(root, folder, *, slices=(1, 2, 3), px=32, seed=0):
    (root / folder).mkdir(parents=True)
    rng = np.random.default_rng(seed)
    for n in slices:
        image = rng.integers(0, 256, (px, px, 3), dtype=np.uint8)
        mask = np.zeros((px, px), np.uint8)
        mask[: px // 2, : px // 4] = 255 * (n % 2)
        tifffile.imwrite(root / folder / f"{folder}_{n}.tif", image, photometric="rgb")
        tifffile.imwrite(root / folder / f"{folder}_{n}_mask.tif", mask)


def write_table(root, *rows, header="Patient;gender;age_at_initial_pathologic;race;ethnicity"):
    (root / "data.csv").write_text("\n".join([header, *rows]) + "\n")


def test_the_77_patients_are_found_by_institution(real):
    assert {site: data.n_patients for site, data in real.items()} == PATIENTS
    assert sum(PATIENTS.values()) == 77
    for data in real.values():
        assert data.report.found == data.report.used and not data.report.refused


def test_the_subsample_is_declared_with_what_it_leaves_out(real):
    for site, data in real.items():
        taken, total = 3 * PATIENTS[site], SLICES[site]
        assert len(data.x) == len(data.y) == taken
        note = (
            f"subsample of 3 evenly spaced slices a patient: {taken} of {total} slices read, {total - taken} left out"
        )
        assert data.report.notes[0] == note


def test_arrays_are_images_in_range_and_binary_masks(real):
    for data in real.values():
        assert data.x.shape[1:] == (3, 64, 64) and data.x.dtype == np.float32
        assert data.y.shape[1:] == (64, 64) and data.y.dtype == np.uint8
        assert data.x.min() >= 0 and data.x.max() <= 1 and set(np.unique(data.y)) <= {0, 1}
        assert np.bincount(data.patient_index).tolist() == [3] * data.n_patients


def test_missing_demographics_form_the_group_unknown_and_drop_nobody(real):
    unknown = {name: int((values == "unknown").sum()) for name, values in real["cs"].groups.items()}
    assert unknown == {"sex": 0, "race": 1, "ethnicity": 6, "age_band": 0}
    last = {name: values[-1] for name, values in real["ht"].groups.items()}
    assert real["ht"].record_ids[-1] == "TCGA_HT_A61B_19991127" and set(last.values()) == {"unknown"}
    assert "race: missing for 1 of 12 patients, who form the group unknown" in real["cs"].report.notes


def test_demographic_codes_of_the_set_become_labels(real):
    first = {name: values[0] for name, values in real["cs"].groups.items()}
    assert first == {"sex": "male", "race": "race 3", "ethnicity": "ethnicity 2", "age_band": "65 and over"}
    sexes = np.concatenate([data.groups["sex"] for data in real.values()])
    assert {name: int((sexes == name).sum()) for name in set(sexes)} == {"female": 39, "male": 37, "unknown": 1}


def test_a_repeated_flair_is_reported_as_a_sequence_that_was_not_acquired(real):
    assert "pre-contrast: repeats FLAIR for 4 of 24 patients (not acquired)" in real["ht"].report.notes


def test_an_uncompressed_copy_of_256_px_loads_alike(tmp_path):
    for folder in ("TCGA_EZ_7264_20010816",):
        (tmp_path / folder).mkdir()
        for path in (REAL / folder).iterdir():
            doubled = tifffile.imread(path).repeat(2, axis=0).repeat(2, axis=1)
            kind = "minisblack" if doubled.ndim == 2 else "rgb"
            tifffile.imwrite(tmp_path / folder / path.name, doubled, photometric=kind)
    (tmp_path / "data.csv").write_bytes((REAL / "data.csv").read_bytes())
    copy, original = LggSource(tmp_path, px=64).load("ez"), LggSource(REAL, px=64).load("ez")
    assert tifffile.imread(tmp_path / folder / f"{folder}_1.tif").shape == (256, 256, 3)
    assert np.array_equal(copy.y, original.y) and copy.y.any()
    assert np.abs(copy.x - original.x).max() < 1e-6
    assert copy.report == original.report


def test_pixels_are_area_means_and_the_mask_needs_half_of_the_area(tmp_path):
    folder = tmp_path / "TCGA_CS_4941_19960909"
    folder.mkdir()
    image = np.zeros((32, 32, 3), np.uint8)
    image[0, :2, 1], image[1, :2, 1] = 200, 100  # FLAIR of the first output pixel: (200 + 200 + 100 + 100) / 4
    mask = np.zeros((32, 32), np.uint8)
    mask[0, :2] = 255  # half of the first output pixel
    mask[0, 4] = 255  # a quarter of the third one
    tifffile.imwrite(folder / f"{folder.name}_1.tif", image, photometric="rgb")
    tifffile.imwrite(folder / f"{folder.name}_1_mask.tif", mask)
    write_table(tmp_path, "TCGA_CS_4941;1;67;3;2")
    data = LggSource(tmp_path, px=16).load("cs")
    assert data.x[0, :, 0, 0] == pytest.approx([0, 150 / 255, 0])
    assert data.y[0, 0, :4].tolist() == [1, 0, 0, 0] and data.y.sum() == 1
    assert data.feature_names == ("pre-contrast", "flair", "post-contrast")


def test_a_lesion_lost_in_resampling_is_reported(tmp_path):
    write_patient(tmp_path, "TCGA_CS_4941_19960909", slices=(2,))
    mask = np.zeros((32, 32), np.uint8)
    mask[0, 0] = 255
    tifffile.imwrite(tmp_path / "TCGA_CS_4941_19960909" / "TCGA_CS_4941_19960909_2_mask.tif", mask)
    write_table(tmp_path, "TCGA_CS_4941;1;67;3;2")
    notes = LggSource(tmp_path, px=16).load("cs").report.notes
    assert "the lesion of 1 of 1 slices is so small that none of it is left at this resolution" in notes


def test_slices_are_in_the_order_of_their_numbers_and_evenly_chosen(tmp_path):
    write_patient(tmp_path, "TCGA_CS_4941_19960909", slices=range(1, 13))
    write_table(tmp_path, "TCGA_CS_4941;1;67;3;2")
    whole, three = (LggSource(tmp_path, px=16, slices=k).load("cs") for k in (None, 3))
    assert whole.report.notes[0] == "all slices: 12 of 12 slices read, 0 left out"
    assert np.array_equal(three.x, whole.x[[2, 6, 10]])  # the middles of slices 1-4, 5-8 and 9-12
    assert whole.y.any(axis=(1, 2)).tolist() == [True, False] * 6  # odd numbers carry the lesion


@pytest.mark.parametrize("reach", [1, 2])
def test_neighbours_of_chosen_slices_are_those_of_the_volume(tmp_path, reach):
    for seed, folder in enumerate(("TCGA_CS_4941_19960909", "TCGA_CS_4942_19970222")):
        write_patient(tmp_path, folder, slices=range(1, 13 - seed), seed=seed)
    write_table(tmp_path, "TCGA_CS_4941;1;67;3;2", "TCGA_CS_4942;1;67;3;2")
    whole, plain, three = (
        LggSource(tmp_path, px=16, slices=slices, context=context).load("cs")
        for slices, context in ((None, reach), (3, 0), (3, reach))
    )
    rows = [2, 6, 10, *(12 + np.array([1, 5, 9]))]
    assert np.array_equal(three.x, whole.x[rows]) and three.feature_names == whole.feature_names
    assert np.array_equal(three.y, plain.y) and np.array_equal(three.patient_index, plain.patient_index)
    subsample, neighbours = "subsample of 3 evenly spaced slices a patient", f", with {reach} neighbours on each side"
    rest = ": 6 of 23 slices read, 17 left out"
    assert plain.report.notes[0] == subsample + rest and three.report.notes[0] == subsample + neighbours + rest
    assert three.report.notes[1:] == plain.report.notes[1:]


def test_a_patient_with_fewer_slices_gives_all_of_them(tmp_path):
    write_patient(tmp_path, "TCGA_CS_4941_19960909", slices=(1, 2))
    write_table(tmp_path, "TCGA_CS_4941;1;67;3;2")
    assert len(LggSource(tmp_path, px=16, slices=6).load("cs").x) == 2


def test_a_comma_separated_table_with_decimals_reads_alike(tmp_path):
    write_patient(tmp_path, "TCGA_CS_4941_19960909")
    write_table(
        tmp_path,
        "TCGA_CS_4941,1.0,67.0,,2.0",
        header="\ufeffPatient,gender,age_at_initial_pathologic,race,ethnicity",
    )
    groups = LggSource(tmp_path, px=16).load("cs").groups
    assert {name: values.tolist() for name, values in groups.items()} == {
        "sex": ["female"],
        "race": ["unknown"],
        "ethnicity": ["ethnicity 2"],
        "age_band": ["65 and over"],
    }


def test_a_patient_without_a_row_is_kept_as_unknown_and_noted_without_a_name(tmp_path):
    write_patient(tmp_path, "TCGA_CS_4941_19960909")
    write_table(tmp_path, "TCGA_CS_9999;1;67;3;2")
    data = LggSource(tmp_path, px=16).load("cs")
    assert data.groups["sex"].tolist() == ["unknown"]
    assert "1 of 1 patients have no row in data.csv" in data.report.notes
    assert "4941" not in " ".join(data.report.notes)


def test_letter_case_of_folders_and_of_the_table_does_not_matter(tmp_path):
    write_patient(tmp_path, "tcga_cs_4941_19960909")
    write_table(tmp_path, "Tcga_CS_4941;1;67;3;2")
    assert LggSource(tmp_path, px=16).load("cs").groups["sex"].tolist() == ["female"]


def test_files_of_the_operating_system_are_counted_and_not_read(tmp_path):
    write_patient(tmp_path, "TCGA_CS_4941_19960909")
    write_table(tmp_path, "TCGA_CS_4941;1;67;3;2")
    (tmp_path / "README.md").write_text("about")
    (tmp_path / ".DS_Store").write_bytes(b"x")
    (tmp_path / "TCGA_CS_4941_19960909" / "._TCGA_CS_4941_19960909_1.tif").write_bytes(b"x")
    data = LggSource(tmp_path, px=16).load("cs")
    assert len(data.x) == 3 and "not read: 2 other entries beside the patients' folders" in data.report.notes


def test_a_patient_without_any_slice_is_refused_and_counted(tmp_path):
    write_patient(tmp_path, "TCGA_CS_4941_19960909")
    (tmp_path / "TCGA_CS_4942_19970222").mkdir()
    write_table(tmp_path, "TCGA_CS_4941;1;67;3;2", "TCGA_CS_4942;1;67;3;2")
    report = LggSource(tmp_path, px=16).load("cs").report
    assert (report.found, report.used) == (2, 1)
    assert [(r.file, r.reason) for r in report.refused] == [
        ("TCGA_CS_4942_19970222", "the patient's folder holds no slice")
    ]


def test_gaps_in_the_numbering_are_noted(tmp_path):
    write_patient(tmp_path, "TCGA_CS_4941_19960909", slices=(1, 3))
    write_table(tmp_path, "TCGA_CS_4941;1;67;3;2")
    notes = LggSource(tmp_path, px=16).load("cs").report.notes
    assert "gaps in the numbering of the slices of 1 of 1 patients" in notes
