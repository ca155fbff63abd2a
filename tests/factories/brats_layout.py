"""Writes small synthetic scans in exactly the layouts of BraTS 2017 to 2023. No value comes from a real set."""

import csv

import numpy as np

from tests.factories.image_bombs import write_nifti

SHAPE = (24, 24, 12)  # of the real ones: 240, 240, 155
OLD, NEW = ("t1", "t1ce", "t2", "flair"), ("t1n", "t1c", "t2w", "t2f")
NAMES = {
    "2017": ("HGG/Brats17_TCIA_101_1", "LGG/Brats17_2013_0_1"),
    "2018": ("HGG/Brats18_CBICA_AAB_1", "LGG/Brats18_TCIA09_141_1"),
    "2019": ("MICCAI_BraTS_2019_Data_Training/HGG/BraTS19_CBICA_AAB_1", "LGG/BraTS19_TMC_06290_1"),
    "2020": ("BraTS20_Training_001", "BraTS20_Training_002"),
    "2021": ("BraTS2021_00000", "BraTS2021_00002"),
    "FeTS 2022": ("FeTS2022_00000", "FeTS2022_00002"),
    "2023": ("BraTS-GLI-00000-000", "BraTS-GLI-00002-000"),
}


def tumour(seed=0, *, enhancing=4, shape=SHAPE):
    """A brain that is 0 outside, and labels: oedema around a core with an enhancing rim; axes x, y, z."""
    rng = np.random.default_rng(seed)
    x, y, z = np.meshgrid(*(np.arange(side) - (side - 1) / 2 for side in shape), indexing="ij")
    brain = (x / (0.45 * shape[0])) ** 2 + (y / (0.45 * shape[1])) ** 2 + (z / (0.45 * shape[2])) ** 2 < 1
    distance = np.sqrt((x - 2) ** 2 + (y + 1) ** 2 + (2 * z) ** 2)
    labels = np.select([distance < 2, distance < 4, distance < 6], [1, enhancing, 2], 0) * brain
    texture = rng.integers(300, 500, shape) + 40 * np.arange(shape[0])[:, None, None] // shape[0]
    return brain, texture, labels.astype(np.uint8)


def write_scan(folder, *, seed=0, suffix=".nii.gz", change=None, without=(), shape=SHAPE):
    """One patient's folder. `change(name, volume)` may return another volume, or a pair of volume and affine."""
    new = folder.name.startswith("BraTS-")
    brain, texture, labels = tumour(seed, enhancing=3 if new else 4, shape=shape)
    bright = {"t1": -60, "t1ce": 150, "t2": 200, "flair": 250}
    volumes = {
        name: (brain * (texture + (labels > 0) * bright[plain])).astype(np.int16)
        for plain, name in zip(OLD, NEW if new else OLD, strict=True)
    }
    for name, volume in {**volumes, "seg": labels}.items():
        if name in without:
            continue
        changed = volume if change is None else change(name, volume)
        image, affine = changed if isinstance(changed, tuple) else (changed, None)
        write_nifti(folder / f"{folder.name}{'-' if new else '_'}{name}{suffix}", image, affine=affine)
    return folder


def write_year(root, year):
    """Two patients of a year's set with its tables; returns `root`."""
    for seed, name in enumerate(NAMES[year]):
        write_scan(root / name, seed=seed, suffix=".nii" if year == "2020" else ".nii.gz")
    first, second = (name.split("/")[-1] for name in NAMES[year])
    if year in ("2017", "2018", "2019"):
        label = {"2017": "Brats17ID", "2018": "BraTS18ID", "2019": "BraTS19ID"}[year]
        write_csv(root / "survival_data.csv", [label, "Age", "Survival"], [[first, "60.463", "289"]])
    if year == "2020":
        header = ["Brats20ID", "Age", "Survival_days", "Extent_of_Resection"]
        write_csv(root / "survival_info.csv", header, [[first, "33.5", "ALIVE (361 days later)", "GTR"]])
        header = ["Grade", "BraTS_2017_subject_ID", "BraTS_2018_subject_ID", "TCGA_TCIA_subject_ID"]
        rows = [["HGG", "Brats17_CBICA_AAB_1", "Brats18_CBICA_AAB_1", "NA", "BraTS19_CBICA_AAB_1", first],
                ["LGG", "NA", "NA", "NA", "NA", second]]  # fmt: skip
        write_csv(root / "name_mapping.csv", [*header, "BraTS_2019_subject_ID", "BraTS_2020_subject_ID"], rows)
    if year == "FeTS 2022":
        write_csv(root / "partitioning_1.csv", ["Partition_ID", "Subject_ID"], [["1", first], ["18", second]])
    return root


def write_csv(path, header, rows):
    with path.open("w", newline="") as stream:
        csv.writer(stream, lineterminator="\n").writerows([header, *rows])
