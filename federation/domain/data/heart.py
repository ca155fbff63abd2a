"""UCI Heart Disease: four hospitals, 920 patients, one `processed.<site>.data` file a hospital.

Nothing is learned from the data: every column has a fixed range and a fixed clinical constant for a missing value, so
that two sites encode alike without ever meeting.

References
----------
.. [1] Janosi, Steinbrunn, Pfisterer, Detrano (1988). Heart Disease. UCI Machine Learning Repository,
   doi:10.24432/C52P4X (CC BY 4.0).
.. [2] Detrano et al. (1989). Am J Cardiol 64(5):304-310.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from federation.domain.data.csv_tables import read_small
from federation.domain.data.dataset import UNKNOWN, DataError, LoadReport, Refusal, SiteData, SiteInfo, Task
from federation.domain.data.demographics import age_band

TASK: Task = "classification"
SITES = (
    SiteInfo("cleveland", "Cleveland Clinic Foundation"),
    SiteInfo("hungarian", "Hungarian Institute of Cardiology, Budapest"),
    SiteInfo("switzerland", "University Hospitals of Zurich and Basel"),
    SiteInfo("va", "V.A. Medical Center, Long Beach"),
)
COLUMNS = (
    *("age", "sex", "cp", "trestbps", "chol", "fbs", "restecg"),
    *("thalach", "exang", "oldpeak", "slope", "ca", "thal", "num"),
)
CODES: Mapping[str, tuple[int, ...]] = {
    "sex": (0, 1),
    "cp": (1, 2, 3, 4),
    "fbs": (0, 1),
    "restecg": (0, 1, 2),
    "exang": (0, 1),
    "slope": (1, 2, 3),
    "ca": (0, 1, 2, 3),
    "thal": (3, 6, 7),
    "num": (0, 1, 2, 3, 4),
}
# Codes that only the recoded copy uses. Its label is inverted (1 = healthy): a model trained on it says the opposite.
RECODED: Mapping[str, tuple[int, ...]] = {"cp": (0,), "slope": (0,), "ca": (4,), "thal": (0, 1, 2)}


@dataclass(frozen=True)
class Measure:
    """A measured quantity: what is believable, which range maps to [0, 1], and what stands in when it is missing."""

    plausible: tuple[float, float]
    scale: tuple[float, float]  # maps to 0 and 1; values beyond it go slightly below 0 or above 1
    stand_in: float
    zero_is_missing: bool = False


MEASURES: Mapping[str, Measure] = {
    "age": Measure((1, 120), (20, 80), stand_in=55),  # years; 55 is the middle of the ages referred for angiography
    "trestbps": Measure((40, 300), (80, 200), stand_in=120, zero_is_missing=True),  # mmHg; 120 is normal
    "chol": Measure((50, 1000), (100, 400), stand_in=200, zero_is_missing=True),  # mg/dl; 200 is the limit of desirable
    "thalach": Measure((30, 250), (60, 200), stand_in=140),  # beats/min; 85 % of 220 - age at 55, a diagnostic test
    "oldpeak": Measure((-5, 10), (0, 6), stand_in=0),  # mm of ST depression; 0 is none
}
# What stands in for a missing code. Slope and thal have a column of their own for "missing" and need none.
STAND_IN_CODE: Mapping[str, float] = {"sex": 0.5, "cp": 4, "fbs": 0, "restecg": 0, "exang": 0, "ca": 0}
ONE_HOT = ("cp", "restecg", "slope", "thal")
MISSING_FLAG = ("chol", "slope", "ca", "thal")  # absent for whole hospitals: the model must be able to see that
# In the original files and in this order, e.g. age, sex_male, cp_1 ... cp_4, trestbps, chol, chol_missing, ...
FEATURES = (
    *("age", "sex_male", "cp_1", "cp_2", "cp_3", "cp_4", "trestbps", "chol", "chol_missing", "fbs"),
    *("restecg_0", "restecg_1", "restecg_2", "thalach", "exang", "oldpeak"),
    *("slope_1", "slope_2", "slope_3", "slope_missing", "ca", "ca_missing"),
    *("thal_3", "thal_6", "thal_7", "thal_missing"),
)
_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?")
_ORIGINAL = "Use the original processed.*.data file of the UCI archive."
_RECODED = (
    "This seems to be the recoded copy of the Cleveland file (cp from 0, thal 0-3, label inverted: 1 means healthy); "
    "it must not be used. " + _ORIGINAL
)


@dataclass(frozen=True)
class HeartSource:
    """UCI Heart Disease in a folder that holds the `processed.<site>.data` file of at least the site to be loaded.

    `columns` are those of `FEATURES` that models see, in that order: a choice of the solvers, for example.
    """

    root: Path
    columns: tuple[str, ...] = FEATURES
    name = "heart"
    title = "UCI Heart Disease (four hospitals)"
    task = TASK
    synthetic = False

    def sites(self) -> tuple[SiteInfo, ...]:
        return SITES

    @property
    def _chosen(self) -> list[int]:
        return [place for place, name in enumerate(FEATURES) if name in self.columns]

    def load(self, site: str) -> SiteData:
        """Load one hospital.

        Returns
        -------
        SiteData
            `x` of shape (n, 26), or as many as `columns`, with the columns `FEATURES`: codes as 0/1, measures as
            (value - low) / (high - low) of the fixed ranges in `MEASURES`. `y` is 1 where num > 0 (an artery narrowed
            by more than half), else 0.
            Groups: ``sex`` female/male, ``age_band`` under 50 / 50-64 / 65 and over.

        Raises
        ------
        DataError
            For an unknown site, a missing file, or the first line that is not as documented.
        """
        if site not in {s.code for s in SITES}:
            raise DataError(
                str(self.root),
                expected="one of the sites " + ", ".join(s.code for s in SITES),
                got=repr(site),
                remedy="Give the code of a site of this set.",
            )
        path = self.root / f"processed.{site}.data"
        rows = _read(path)
        usable = [(line, row) for line, row in rows if row["num"] is not None]
        refused = tuple(
            Refusal(path.name, line, "no diagnosis (num is missing)") for line, row in rows if row["num"] is None
        )
        if not usable:
            raise DataError(
                str(path),
                expected="at least one patient with a diagnosis",
                got=f"{len(rows)} without",
                remedy=_ORIGINAL,
            )
        values = [row for _, row in usable]
        return SiteData(
            site=site,
            task=self.task,
            record_ids=tuple(f"{site}-{line:04d}" for line, _ in usable),
            x=np.array([_encode(row) for row in values], dtype=np.float32)[:, self._chosen],
            y=np.array([int((row["num"] or 0) > 0) for row in values], dtype=np.int64),
            patient_index=np.arange(len(values), dtype=np.int64),
            groups=_groups(values),
            feature_names=tuple(FEATURES[place] for place in self._chosen),
            report=_report(values, found=len(rows), refused=refused),
        )


Row = Mapping[str, float | None]


def _read(path: Path) -> list[tuple[int, Row]]:
    """Every line of a file as (line number, column to value, None where missing)."""
    try:
        text = (raw := read_small(path)).decode("ascii")
    except OSError as error:
        raise DataError(
            str(path),
            expected=f"a readable file {path.name}",
            got=error.strerror or type(error).__name__,
            remedy="Give the folder that holds the four processed.*.data files of the UCI archive.",
        ) from error
    except UnicodeDecodeError as error:
        line = raw[: error.start].count(b"\n") + 1
        raise DataError(
            str(path), line=line, expected="plain ASCII text", got="other bytes", remedy=_ORIGINAL
        ) from error
    lines = text.rstrip().splitlines() if text.strip() else []
    if not lines:
        raise DataError(str(path), expected="at least one patient", got="an empty file", remedy=_ORIGINAL)
    return [(number, _parse(path, number, line)) for number, line in enumerate(lines, start=1)]


def _parse(path: Path, number: int, line: str) -> Row:
    cells = [cell.strip() for cell in line.split(",")]
    if len(cells) != len(COLUMNS):
        got = "an empty line" if not line.strip() else f"{len(cells)}"
        raise DataError(
            str(path),
            line=number,
            expected=f"{len(COLUMNS)} comma-separated columns ({', '.join(COLUMNS)})",
            got=got,
            remedy=_ORIGINAL,
        )
    if number == 1 and cells[0].lower() == "age":
        raise DataError(
            str(path),
            line=1,
            expected="a patient (the original files have no header)",
            got="a header",
            remedy=_RECODED if cells[-1].lower() == "target" else _ORIGINAL,
        )
    return {name: _value(path, number, name, cell) for name, cell in zip(COLUMNS, cells, strict=True)}


def _value(path: Path, line: int, name: str, cell: str) -> float | None:
    if cell == "?":
        return None
    if not _NUMBER.fullmatch(cell):
        raise DataError(
            str(path), line=line, expected=f"a number or ? for {name}", got=repr(cell), remedy="Correct the value."
        )
    value = float(cell)
    if name in CODES:
        if value in CODES[name]:
            return value
        recoded = value in RECODED.get(name, ())
        expected = f"one of {', '.join(map(str, CODES[name]))} or ? for {name}"
        remedy = _RECODED if recoded else "Correct the code, or write ? if it is not known."
    else:
        measure = MEASURES[name]
        if measure.zero_is_missing and value == 0:
            return None
        low, high = measure.plausible
        if low <= value <= high:
            return value
        expected = f"{name} from {low:g} to {high:g}, or ?"
        remedy = "Correct the value and its unit, or write ? if it is not known."
    raise DataError(str(path), line=line, expected=expected, got=cell, remedy=remedy)


def _encode(row: Row) -> list[float]:
    """One patient as the columns `FEATURES`."""
    features: dict[str, float] = {}
    for name in COLUMNS[:-1]:
        value = row[name]
        if name in MISSING_FLAG:
            features[f"{name}_missing"] = float(value is None)
        filled = value if value is not None else _stand_in(name)
        if name in ONE_HOT:
            features.update({f"{name}_{code}": float(filled == code) for code in CODES[name]})
        elif name in MEASURES:
            low, high = MEASURES[name].scale
            features[name] = (filled - low) / (high - low)
        elif name == "ca":
            features[name] = filled / 3
        else:
            features["sex_male" if name == "sex" else name] = filled
    return [features[name] for name in FEATURES]


def _stand_in(name: str) -> float:
    """What replaces a missing value; NaN, equal to no code, where a missing value is a category of its own."""
    return MEASURES[name].stand_in if name in MEASURES else STAND_IN_CODE.get(name, math.nan)


def _groups(rows: list[Row]) -> dict[str, NDArray[np.str_]]:
    sex = {None: UNKNOWN, 0.0: "female", 1.0: "male"}
    return {
        "sex": np.array([sex[row["sex"]] for row in rows]),
        "age_band": np.array([age_band(row["age"]) for row in rows]),
    }


def _report(rows: list[Row], *, found: int, refused: tuple[Refusal, ...]) -> LoadReport:
    missing = Counter(name for row in rows for name in COLUMNS[:-1] if row[name] is None)
    imputed = {name: missing[name] for name in COLUMNS if missing[name] and not math.isnan(_stand_in(name))}
    notes = [
        f"{name}: missing for {missing[name]} of {len(rows)} patients, encoded in a column of its own, not imputed"
        for name in ("slope", "thal")
        if missing[name]
    ]
    repeated = len(rows) - len({tuple(row.values()) for row in rows})
    if repeated:
        notes.append(f"{repeated} of {len(rows)} patients repeat the values of another patient exactly; kept")
    return LoadReport(found=found, used=len(rows), imputed=imputed, refused=refused, notes=tuple(notes))
