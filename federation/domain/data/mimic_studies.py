"""Which radiograph of a MIMIC-CXR patient is used, and what its report says.

Two tables of MIMIC-CXR-JPG: `mimic-cxr-2.0.0-metadata.csv` (one row an image) and `mimic-cxr-2.0.0-chexpert.csv` (one
row a study: fourteen observations that the CheXpert labeller read from the report, 1 present, 0 absent, -1 uncertain,
blank not mentioned).

References
----------
.. [1] Johnson et al. (2019). MIMIC-CXR-JPG. arXiv:1901.07042.
.. [2] Irvin et al. (2019). CheXpert. arXiv:1901.07031 (the labeller).
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from federation.domain.data.csv_tables import stream_rows, table_path
from federation.domain.data.dataset import DataError

METADATA, CHEXPERT = "mimic-cxr-2.0.0-metadata.csv", "mimic-cxr-2.0.0-chexpert.csv"
NO_FINDING = "No Finding"
PATHOLOGIES = (
    *("Atelectasis", "Cardiomegaly", "Consolidation", "Edema", "Enlarged Cardiomediastinum", "Fracture"),
    *("Lung Lesion", "Lung Opacity", "Pleural Effusion", "Pleural Other", "Pneumonia", "Pneumothorax"),
)
ANY_FINDING = "any_finding"
LABELS: Mapping[str, str] = {name.lower().replace(" ", "_"): name for name in PATHOLOGIES}
UNCERTAIN, UNMENTIONED, CONTRADICTORY = "uncertain", "not mentioned", "contradictory"
_VALUES: Mapping[str, int | None] = {"1": 1, "1.0": 1, "0": 0, "0.0": 0, "-1": -1, "-1.0": -1, "": None}
_SUBJECT, _STUDY = re.compile(r"1\d{7}"), re.compile(r"\d{8}")
_DICOM = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{8}){4}")
_DATE, _TIME = re.compile(r"2\d{7}"), re.compile(r"\d{1,6}(\.\d*)?")
_REMEDY = "Use the table as it was published with MIMIC-CXR-JPG 2."


class Radiograph(NamedTuple):
    """One frontal image; the smallest of a patient's is the one to use."""

    date: int  # yyyymmdd, shifted by a constant for each patient
    time: float  # hhmmss
    study: str
    not_pa: bool  # upright (PA) goes before the portable AP of the same study
    dicom: str

    @property
    def year(self) -> int:
        return self.date // 10_000

    def path(self, subject: str) -> str:
        return f"files/p{subject[:2]}/p{subject}/s{self.study}/{self.dicom}.jpg"


def earliest_frontal(root: Path) -> dict[str, Radiograph | None]:
    """For each patient the earliest frontal radiograph (PA before AP within a study); None where there is none.

    The choice looks at no label, so it selects nobody by outcome.

    Raises
    ------
    DataError
        If the table is missing or damaged, an identifier or date is malformed, or an image has two rows.
    """
    path = root / METADATA
    columns = ("subject_id", "study_id", "dicom_id", "ViewPosition", "StudyDate", "StudyTime")
    best: dict[str, Radiograph | None] = {}
    for line, (subject, study, dicom, view, date, time) in stream_rows(path, columns):
        _check(path, line, ("subject_id", subject, _SUBJECT), ("study_id", study, _STUDY), ("dicom_id", dicom, _DICOM))
        known = best.setdefault(subject, None)
        if view not in ("PA", "AP"):
            continue
        _check(path, line, ("StudyDate", date, _DATE), ("StudyTime", time, _TIME))
        # The table writes times as numbers: 80556.875 is 08:05:56, before 213014.
        found = Radiograph(int(date), float(time), study, view != "PA", dicom)
        if known is not None and known.dicom == dicom:
            raise _wrong(path, line, "one row an image", f"a second row for {dicom}")
        best[subject] = found if known is None else min(known, found)
    return best


def labels_of(root: Path, studies: Mapping[str, str], label: str) -> dict[str, int | str]:
    """What the reports of some studies say.

    Parameters
    ----------
    studies : mapping of str to str
        Study to subject.
    label : str
        `ANY_FINDING`, or a key of `LABELS`.

    Returns
    -------
    dict of str to int or str
        Study to 1 (present), 0 (absent), `UNCERTAIN`, `UNMENTIONED` or, for `ANY_FINDING`, `CONTRADICTORY`; a study
        without a row is left out.

    Raises
    ------
    DataError
        If the table is missing or damaged, a study has two rows or another patient's, or a value is not documented.
    """
    path = root / CHEXPERT
    names = (NO_FINDING, *PATHOLOGIES) if label == ANY_FINDING else (LABELS[label],)
    said: dict[str, int | str] = {}
    for line, (subject, study, *cells) in stream_rows(path, ("subject_id", "study_id", *names)):
        if study not in studies:
            continue
        if study in said:
            raise _wrong(path, line, "one row a study", f"a second row for {study}")
        if subject != studies[study]:
            raise _wrong(path, line, f"the study's patient as in {METADATA}", f"another one for {study}")
        for name, cell in zip(names, cells, strict=True):
            if cell not in _VALUES:
                raise _wrong(path, line, f"1, 0, -1 or nothing for {name}", repr(cell))
        values = [_VALUES[cell] for cell in cells]
        said[study] = _any_finding(values[0], values[1:]) if label == ANY_FINDING else _reading(values[0])
    return said


def _reading(value: int | None) -> int | str:
    return UNMENTIONED if value is None else UNCERTAIN if value == -1 else value


def _any_finding(no_finding: int | None, pathologies: Sequence[int | None]) -> int | str:
    """The labeller sets "No Finding" where it saw no pathology, present or uncertain; support devices are none."""
    if no_finding == 1:
        return CONTRADICTORY if 1 in pathologies else 0
    return 1 if 1 in pathologies else UNCERTAIN if -1 in pathologies else UNMENTIONED


def _check(path: Path, line: int, *cells: tuple[str, str, re.Pattern[str]]) -> None:
    for name, cell, form in cells:
        if not form.fullmatch(cell) or not cell.isascii():
            raise _wrong(path, line, f"a {name} as in the published table ({form.pattern})", repr(cell))


def _wrong(path: Path, line: int, expected: str, got: str) -> DataError:
    return DataError(str(table_path(path)), line=line, expected=expected, got=got, remedy=_REMEDY)
