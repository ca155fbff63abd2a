"""BraTS in the layouts of its years: whose scans, which labels, which voxels; and who is refused, and why."""

import errno
import json
import os
from pathlib import Path

import numpy as np
import pytest

from federation.domain.data.brats import BratsSource
from federation.domain.data.brats_layout import CONTRIBUTORS, read_layout
from federation.domain.data.dataset import DataError, ReaderUnavailable, simulated_site
from federation.domain.data.registry import manifest, open_source
from tests.factories.brats_layout import NAMES, NEW, OLD, SHAPE, tumour, write_csv, write_scan, write_year

SITES = {
    "2017": ["brats-2013", "brats-tcia"],
    "2018": ["brats-cbica", "brats-tcia09"],
    "2019": ["brats-cbica", "brats-tmc"],
    "2020": ["brats-cbica", "brats-unknown"],
    "2021": ["brats-unknown"],
    "FeTS 2022": ["brats-partition-1", "brats-partition-18"],
    "2023": ["brats-unknown"],
}


def one_site(root, **options):
    return BratsSource(root, px=16, n_sites=1, **options).load("brats-1")


def only(data):
    (refusal,) = data.report.refused
    return refusal


@pytest.mark.parametrize("year", NAMES)
def test_each_years_layout_loads_alike(tmp_path, year):
    root = write_year(tmp_path, year)
    data = one_site(root, slices=5)
    names = sorted(name.split("/")[-1] for name in NAMES[year])
    assert sorted(data.record_ids) == names and data.task == "segmentation"
    assert data.x.shape == (10, 4, 16, 16) and data.y.shape == (10, 16, 16)
    assert data.feature_names == OLD and 0 <= data.x.min() < data.x.max() <= 1
    assert data.report.as_dict()["used"] == 2 and not data.report.refused
    assert [site.code for site in BratsSource(root).sites()] == SITES[year]
    for code in SITES[year]:
        assert set(BratsSource(root, px=16, slices=2).load(code).record_ids) <= set(names)


def test_ages_and_grades_come_from_the_years_tables(tmp_path):
    groups = {}
    for year in ("2018", "2020", "2023"):
        data = one_site(write_year(tmp_path / year, year))
        groups[year] = {
            record: tuple(str(values[row]) for values in data.groups.values())
            for row, record in enumerate(data.record_ids)
        }
        assert list(data.groups) == (["age_band"] if year == "2023" else ["age_band", "grade"])
    assert groups["2018"] == {
        "Brats18_CBICA_AAB_1": ("50-64", "high grade"),
        "Brats18_TCIA09_141_1": ("unknown", "low grade"),
    }
    assert groups["2020"] == {
        "BraTS20_Training_001": ("under 50", "high grade"),
        "BraTS20_Training_002": ("unknown", "low grade"),
    }
    assert (
        "age_band: missing for 1 of 2 patients, who form the group unknown" in one_site(tmp_path / "2018").report.notes
    )


@pytest.mark.parametrize("year", ["2018", "2023"])
@pytest.mark.parametrize(("region", "labels"), [("whole", (1, 2, 3, 4)), ("core", (1, 3, 4)), ("enhancing", (3, 4))])
def test_a_region_is_the_union_of_its_labels(tmp_path, year, region, labels):
    """At the scan's own size and with all slices nothing is resampled: voxels can be compared one by one."""
    name = NAMES[year][0].split("/")[-1]
    write_scan(tmp_path / name)
    data = BratsSource(tmp_path, px=SHAPE[0], slices=155, region=region, n_sites=1).load("brats-1")
    brain, _, truth = tumour(enhancing=3 if year == "2023" else 4)
    held = np.flatnonzero(brain.any(axis=(0, 1)))
    assert np.array_equal(data.y, np.isin(truth, labels).transpose(2, 1, 0)[held])
    assert f"outlined: {region} tumour" in data.report.notes[0]


def test_modalities_are_scaled_by_their_own_brain_and_the_outside_stays_black(tmp_path):
    write_scan(tmp_path / "BraTS2021_00000", change=lambda name, v: v * (7 if name == "t2" else 1))
    other = write_scan(tmp_path / "other" / "BraTS2021_00000").parent
    data = BratsSource(tmp_path / "BraTS2021_00000" / "..", px=24, n_sites=1, slices=155)
    with pytest.raises(DataError, match="a second one"):
        data.load("brats-1")
    scaled = BratsSource(other, px=24, n_sites=1, slices=155).load("brats-1")
    for path in other.glob("*/*"):
        path.unlink()
    write_scan(other / "BraTS2021_00000", change=lambda name, v: v * (7 if name == "t2" else 1))
    again = BratsSource(other, px=24, n_sites=1, slices=155).load("brats-1")
    assert np.allclose(scaled.x, again.x, atol=1e-6)
    brain, _, _ = tumour()
    outside = ~brain.transpose(2, 1, 0)[brain.any(axis=(0, 1))]
    assert (scaled.x.transpose(1, 0, 2, 3)[:, outside] == 0).all() and scaled.x.max() == 1


def nan(name, volume):
    return np.where(volume == volume.max(), np.nan, volume).astype(np.float32) if name == "t2" else volume


def moved(name, volume):
    return (volume, np.diag([-1.0, -1.0, 1.5, 1.0])) if name == "flair" else volume


def label(value):
    return lambda name, volume: np.where(volume == 4, value, volume.astype(np.int16)) if name == "seg" else volume


def halves(name, volume):
    return (volume / 2).astype(np.float32) if name == "seg" else volume


@pytest.mark.parametrize(
    ("fault", "reason", "detail"),
    [
        ({"without": ("flair",)}, "modality missing: flair", "expected BraTS2021_00005 with the files t1,"),
        ({"without": ("t1", "t2")}, "modality missing: t1, t2", "Copy the patient's folder again"),
        ({"without": ("seg",)}, "no segmentation", "Copy the patient's folder again"),
        ({"change": lambda n, v: v[:, :, :-1] if n == "t2" else v}, "volumes of different shapes",
         "t2 has 24 x 24 x 11, expected 24 x 24 x 12"),
        ({"change": lambda n, v: v[..., None].repeat(2, 3) if n == "t1" else v}, "a volume that cannot be read",
         "4 dimensions"),
        ({"change": lambda n, v: v[:, 3:]}, "slices that are not square or too small", "24 x 21 voxels"),
        ({"change": lambda n, v: v[:12, :12]}, "slices that are not square or too small", "12 x 12 voxels"),
        ({"change": moved}, "volumes in different places (affines differ)", "the affine of flair"),
        ({"change": nan}, "voxels that are NaN or infinite", "of t2 are NaN"),
        ({"change": label(3)}, "labels out of range", "expected 0, 1, 2, 4 in the set of 2021, got the values 3"),
        ({"change": label(-1)}, "labels out of range", "got values from -1 to 2"),
        ({"change": label(300)}, "labels out of range", "got values from 0 to 300"),
        ({"change": halves}, "labels out of range", "no whole numbers"),
        ({"change": lambda n, v: v * 0 if n == "t1ce" else v}, "a modality without any signal", "all voxels of t1ce"),
    ],
)  # fmt: skip
def test_what_is_wrong_with_a_patient_refuses_that_patient_alone(tmp_path, fault, reason, detail):
    write_scan(tmp_path / "BraTS2021_00002")
    write_scan(tmp_path / "BraTS2021_00005", **fault)
    data = one_site(tmp_path)
    refusal = only(data)
    assert data.record_ids == ("BraTS2021_00002",) and (data.report.found, data.report.used) == (2, 1)
    assert (refusal.file, refusal.reason) == ("BraTS2021_00005", reason) and detail in refusal.detail
    facts = manifest(BratsSource(tmp_path, px=16, n_sites=1), data)
    assert facts["report"]["refused"] == {reason: 1} and "00005" not in json.dumps(facts["report"])


def test_damaged_and_doubled_files_refuse_the_patient(tmp_path):
    write_scan(tmp_path / "BraTS2021_00002")
    cut = write_scan(tmp_path / "BraTS2021_00003") / "BraTS2021_00003_t2.nii.gz"
    cut.write_bytes(cut.read_bytes()[:-40])
    write_scan(tmp_path / "BraTS2021_00004")
    write_scan(tmp_path / "BraTS2021_00004", suffix=".nii", without=("t1", "t2", "flair", "seg"))
    reasons = {refusal.file[-1]: refusal.reason for refusal in one_site(tmp_path).report.refused}
    assert reasons == {"3": "a volume that cannot be read", "4": "two files of the modality t1ce"}


def test_labels_of_2023_are_told_from_the_older_ones(tmp_path):
    write_scan(tmp_path / "BraTS-GLI-00000-000")
    write_scan(tmp_path / "BraTS-GLI-00001-000", change=lambda n, v: np.where(v == 3, 4, v) if n == "seg" else v)
    assert "A set of 2017-2022, where the enhancing tumour is 4" in only(one_site(tmp_path)).detail


def test_known_oddities_of_published_copies_are_read(tmp_path):
    """The old name of one segmentation, T1 with gadolinium called t1gd, capitals, and files of other tools."""
    folder = write_scan(tmp_path / "BraTS20_Training_355", suffix=".nii")
    (folder / "BraTS20_Training_355_seg.nii").rename(folder / "W39_1998.09.19_Segm.nii")
    (folder / "BraTS20_Training_355_t1ce.nii").rename(folder / "BraTS20_Training_355_T1Gd.nii")
    (folder / "notes.txt").write_text("x")
    assert one_site(tmp_path).n_patients == 1


def test_folders_of_unexpected_names_are_counted(tmp_path):
    write_scan(tmp_path / "BraTS2021_Training_Data" / "BraTS2021_00002")
    assert not [note for note in one_site(tmp_path).report.notes if "not read" in note]
    write_scan(tmp_path / "BraTS2021_Training_Data" / "BraTS2021_00003 (copy)")
    write_scan(tmp_path / "Brats17_NEWHOSPITAL_1_1")
    write_scan(tmp_path / "patient 7")
    (tmp_path / "BraTS2021_7").mkdir()
    data = one_site(tmp_path)
    assert data.n_patients == 1
    assert "not read: 4 folders of the whole set whose names are of no year's scans" in data.report.notes


def test_a_folder_that_cannot_be_read_refuses_the_patient(tmp_path, monkeypatch):
    write_scan(tmp_path / "BraTS2021_00002")
    write_scan(tmp_path / "BraTS2021_00005")
    listed = Path.iterdir

    def closed(folder):
        if folder.name.endswith("5"):
            raise PermissionError(13, "Permission denied")
        return listed(folder)

    monkeypatch.setattr(Path, "iterdir", closed)
    refusal = only(one_site(tmp_path))
    assert refusal.reason == "a folder that cannot be read" and "Permission denied" in refusal.detail


def test_a_share_that_is_away_stops_the_load_and_makes_no_smaller_cohort(tmp_path, monkeypatch):
    write_scan(tmp_path / "BraTS2021_00002")
    write_scan(tmp_path / "BraTS2021_00005")
    opened = os.open

    def away(path, *rest):
        if "00005" in str(path):
            raise OSError(errno.ESTALE, "Stale file handle")
        return opened(path, *rest)

    monkeypatch.setattr(os, "open", away)
    with pytest.raises(ReaderUnavailable, match="Stale file handle"):
        one_site(tmp_path)


def test_a_patient_is_used_once_at_the_first_visit(tmp_path):
    for name in ("BraTS-GLI-00005-001", "BraTS-GLI-00005-000", "BraTS-GLI-00006-001"):
        write_scan(tmp_path / name)
    data = one_site(tmp_path)
    assert data.record_ids == ("BraTS-GLI-00005-000", "BraTS-GLI-00006-001")
    assert "later visits of the same patients left out: 1 scans of the whole set" in data.report.notes


def test_simulated_sites_share_the_patients_and_nobody_moves(tmp_path):
    for n in range(8):
        (tmp_path / f"BraTS2021_{n:05d}").mkdir()
    source = BratsSource(tmp_path, n_sites=3)
    layout = read_layout(tmp_path)
    held = [[s.patient for s in source._scans_of(site.code, layout)] for site in source.sites()]
    assert sorted(sum(held, [])) == [f"brats2021_{n:05d}" for n in range(8)]
    assert all(simulated_site(patient, 3) == place for place, names in enumerate(held) for patient in names)


@pytest.mark.parametrize(
    ("prepare", "says"),
    [
        (lambda root: None, "scans of one year's BraTS set, got none"),
        (lambda root: (root / "BraTS2021_00000").mkdir() or (root / "BraTS20_Training_001").mkdir(),
         "got 2020 and 2021. Give one year's set"),
        (lambda root: write_scan(root / "BraTS2021_00000", without=("seg",)),
         "BraTS2021_00000, for no segmentation: expected BraTS2021_00000 with"),
        (lambda root: write_csv(write_scan(root / "HGG/Brats17_TCIA_1_1").parents[1] / "survival_data.csv",
                                ["Brats17ID", "Age", "Survival"], [["Brats17_TCIA_1_1", "old", "3"]]),
         "line 2: expected an age from 0 to 120 years"),
        (lambda root: write_csv(write_scan(root / "FeTS2022_00001").parent / "partitioning_1.csv",
                                ["Partition_ID", "Subject_ID"], [["one", "FeTS2022_00001"]]),
         "expected the number of a partition, got 'one'"),
    ],
)  # fmt: skip
def test_a_set_that_is_none_stops_the_load(tmp_path, prepare, says):
    prepare(tmp_path)
    with pytest.raises(DataError) as caught:
        one_site(tmp_path)
    assert says in str(caught.value) and caught.value.remedy


def test_a_site_that_does_not_exist_is_told_which_do(tmp_path):
    root = write_year(tmp_path, "2018")
    for source in (BratsSource(root), BratsSource(root, n_sites=2)):
        with pytest.raises(DataError, match="a site with scans among brats-"):
            source.load("brats-9")
    assert [s.code for s in BratsSource(tmp_path / "absent").sites()] == [f"brats-{who}" for who in CONTRIBUTORS]


def test_a_spec_opens_it_and_the_manifest_names_nobody(tmp_path):
    root = write_year(tmp_path, "2023")
    source = open_source(f"brats:{root}?px=16&slices=3&region=core&sites=1")
    assert source == BratsSource(root, 16, 3, "core", 1)
    facts = manifest(source, source.load("brats-1"))
    assert facts["shape"] == [4, 16, 16] and facts["n_rows"] == 6
    assert "GLI" not in json.dumps(facts) and str(root) not in json.dumps(facts)
    assert NEW[0] not in facts["feature_names"]
