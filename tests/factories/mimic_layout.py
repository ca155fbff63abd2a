"""Writes a small synthetic data set in exactly the layout of MIMIC-CXR-JPG 2 with the demographics of MIMIC-IV.

No value comes from the real set; names of files, folders and columns do.
"""

import csv
import gzip
import hashlib
from dataclasses import dataclass, field

import numpy as np
from PIL import Image

from tests.factories.image_bombs import write_dicom

METADATA_COLUMNS = (
    *("dicom_id", "subject_id", "study_id", "PerformedProcedureStepDescription", "ViewPosition", "Rows", "Columns"),
    *("StudyDate", "StudyTime", "ProcedureCodeSequence_CodeMeaning", "ViewCodeSequence_CodeMeaning"),
    "PatientOrientationCodeSequence_CodeMeaning",
)
OBSERVATIONS = (
    *("Atelectasis", "Cardiomegaly", "Consolidation", "Edema", "Enlarged Cardiomediastinum", "Fracture"),
    *("Lung Lesion", "Lung Opacity", "No Finding", "Pleural Effusion", "Pleural Other", "Pneumonia"),
    *("Pneumothorax", "Support Devices"),
)
PATIENT_COLUMNS = ("subject_id", "gender", "anchor_age", "anchor_year", "anchor_year_group", "dod")
ADMISSION_COLUMNS = ("subject_id", "hadm_id", "admittime", "dischtime", "insurance", "language", "marital_status")


@dataclass
class Study:
    """One study of a patient: its images by view, and what the labeller read from its report."""

    number: int
    views: tuple = ("PA",)
    labels: dict | None = field(default_factory=lambda: {"No Finding": "1.0"})  # None: no row
    date: str = "21800506"
    time: str = "213014.53100000002"
    pixels: np.ndarray | None = None
    dicom_of: tuple | None = None  # written as DICOM instead: stored values, and whether the smallest is white

    @property
    def name(self):
        return str(50_000_000 + self.number)

    def dicom(self, view):
        text = hashlib.sha256(f"{self.name} {view}".encode()).hexdigest()[:40]
        return "-".join(text[i : i + 8] for i in range(0, 40, 8))


@dataclass
class Patient:
    """Demographics as MIMIC-IV writes them; None: no row in the table."""

    subject: str
    studies: tuple
    gender: str | None = "F"
    anchor_age: str = "52"
    anchor_year: str = "2180"
    races: tuple = ("WHITE",)  # one an admission


def grey(value=128, shape=(48, 40)):
    return np.full(shape, value, np.uint8)


def image_path(root, patient, study, view="PA"):
    return (
        root
        / "files"
        / f"p{patient.subject[:2]}"
        / f"p{patient.subject}"
        / f"s{study.name}"
        / f"{study.dicom(view)}.jpg"
    )


def write_table(path, header, rows, *, packed=True):
    path.parent.mkdir(parents=True, exist_ok=True)
    path = path.with_name(f"{path.name}.gz") if packed else path
    with gzip.open(path, "wt", newline="") if packed else path.open("w", newline="") as stream:
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerow(header)
        writer.writerows(rows)


def write_mimic(root, patients, *, packed=True, race_column="race"):
    """The four tables and the images; returns `root`."""
    metadata, chexpert, people, admissions = [], [], [], []
    for patient in patients:
        if patient.gender is not None:
            group = "2011 - 2013"
            people.append([patient.subject, patient.gender, patient.anchor_age, patient.anchor_year, group, ""])
        for number, race in enumerate(patient.races):
            stay = [20_000_000 + number, "2180-05-06 22:23:00", "2180-05-07 17:15:00", "Other", "ENGLISH", ""]
            admissions.append([patient.subject, *stay, race])
        for study in patient.studies:
            pixels = grey() if study.pixels is None else study.pixels
            for view in study.views:
                path = image_path(root, patient, study, view)
                path.parent.mkdir(parents=True, exist_ok=True)
                if study.dicom_of is None:
                    Image.fromarray(pixels).save(path, quality=95)
                else:
                    stored, inverted = study.dicom_of
                    meaning = "MONOCHROME1" if inverted else "MONOCHROME2"
                    write_dicom(path.with_suffix(".dcm"), stored, meaning=meaning)
                described = [study.dicom(view), patient.subject, study.name, "CHEST (PA AND LAT)", view]
                metadata.append([*described, *pixels.shape, study.date, study.time, "CHEST", "", "Erect"])
            if study.labels is not None:
                chexpert.append([patient.subject, study.name, *(study.labels.get(name, "") for name in OBSERVATIONS)])
    write_table(root / "mimic-cxr-2.0.0-metadata.csv", METADATA_COLUMNS, metadata, packed=packed)
    write_table(
        root / "mimic-cxr-2.0.0-chexpert.csv", ("subject_id", "study_id", *OBSERVATIONS), chexpert, packed=packed
    )
    write_table(root / "hosp/patients.csv", PATIENT_COLUMNS, people, packed=packed)
    write_table(root / "hosp/admissions.csv", (*ADMISSION_COLUMNS, race_column), admissions, packed=packed)
    return root
