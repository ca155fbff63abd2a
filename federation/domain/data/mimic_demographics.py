"""Demographics of MIMIC-CXR's patients, from two tables of MIMIC-IV: `patients.csv` and `admissions.csv`, in `hosp`.

Up to MIMIC-IV 1.0 they are in `core`. MIMIC-CXR itself has none. Many of its patients have no row in one table or both;
they form the group ``unknown``.

References
----------
.. [1] Johnson et al. (2023). MIMIC-IV, a freely accessible electronic health record dataset. Scientific Data 10:1.
.. [2] https://mimic.mit.edu/docs/iv/modules/hosp/ (the columns).
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from federation.domain.data.csv_tables import stream_rows, table_path
from federation.domain.data.dataset import UNKNOWN, DataError
from federation.domain.data.demographics import age_band, missing_notes

PATIENTS, ADMISSIONS = "patients.csv", "admissions.csv"
_FOLDERS = ("hosp", "core")  # the second up to MIMIC-IV 1.0
_SEX = {"F": "female", "M": "male", "": UNKNOWN}
# What was written at admission, with all its subdivisions ("WHITE - RUSSIAN", "BLACK/CAPE VERDEAN"), by its beginning.
RACE_BEGINNINGS: tuple[tuple[str, str], ...] = (
    ("AMERICAN INDIAN", "american indian or alaska native"),
    ("ASIAN", "asian"),
    ("BLACK", "black"),
    ("HISPANIC", "hispanic"),  # the column mixes race and ethnicity: a Hispanic patient has no other group
    ("NATIVE HAWAIIAN", "pacific islander"),
    ("WHITE", "white"),
    ("MULTIPLE RACE", "other"),
    ("OTHER", "other"),
    ("PORTUGUESE", "other"),  # authors disagree on where these two belong; we do not guess
    ("SOUTH AMERICAN", "other"),
    ("PATIENT DECLINED", UNKNOWN),
    ("UNABLE TO OBTAIN", UNKNOWN),
    ("UNKNOWN", UNKNOWN),
)
_MAX_AGE = 120
_REMEDY = "Use the tables of MIMIC-IV as they were published."


def groups_of(root: Path, study_years: Mapping[str, int]) -> tuple[dict[str, NDArray[np.str_]], list[str]]:
    """The groups ``sex``, ``race`` and ``age_band`` of some patients, and notes that count what is missing.

    Parameters
    ----------
    root : Path
        Holds the folder `hosp` of MIMIC-IV, or `core` of an old version.
    study_years : mapping of str to int
        Subject to the (shifted) year of the radiograph. Both sets shift a patient's dates alike, so the age at the
        radiograph is ``anchor_age + study year - anchor_year``.

    Raises
    ------
    DataError
        If a table is missing or damaged, a patient has two rows, or a value is none of the documented ones.
    """
    people, admissions = _table(root, PATIENTS), _table(root, ADMISSIONS)
    known, misdated = _sex_and_age(people, study_years)
    races, conflicting = _races(admissions, study_years)
    missing = (UNKNOWN, UNKNOWN)
    groups = {
        "sex": np.array([known.get(subject, missing)[0] for subject in study_years]),
        "race": np.array([races.get(subject, UNKNOWN) for subject in study_years]),
        "age_band": np.array([known.get(subject, missing)[1] for subject in study_years]),
    }
    n = len(study_years)
    counted = (
        (n - len(known), f"have no row in {people.parent.name}/{people.stem}"),
        (n - len(races), f"have no row in {admissions.parent.name}/{admissions.stem}"),
        (conflicting, "have admissions that disagree on race, which is unknown for them"),
        (misdated, "would be younger than 0 or older than 120 at the radiograph; their age is unknown"),
    )
    return groups, [*missing_notes(groups), *(f"{count} of {n} patients {what}" for count, what in counted if count)]


def race_group(text: str) -> str | None:
    """The group of a value of the column `race` (in MIMIC-IV 1: `ethnicity`); None if it is not a documented one."""
    text = text.upper()
    return next((group for start, group in RACE_BEGINNINGS if text.startswith(start)), None if text else UNKNOWN)


def _table(root: Path, name: str) -> Path:
    for folder in _FOLDERS:
        if table_path(root / folder / name).exists():
            return root / folder / name
    places = " or ".join(f"{folder}/{name}(.gz)" for folder in _FOLDERS)
    remedy = "Put the folder hosp of MIMIC-IV, or core of a version up to 1.0, beside the folder files; a link will do."
    raise DataError(str(root), expected=f"the table {places}", got="neither", remedy=remedy)


def _sex_and_age(path: Path, study_years: Mapping[str, int]) -> tuple[dict[str, tuple[str, str]], int]:
    """Sex and age band by subject, and for how many the dates give no believable age."""
    found: dict[str, tuple[str, str]] = {}
    misdated = 0
    for line, (subject, gender, age, year) in stream_rows(path, ("subject_id", "gender", "anchor_age", "anchor_year")):
        if subject not in study_years:
            continue
        if subject in found:
            raise _wrong(path, line, "one row a patient", f"a second row for {subject}")
        if gender not in _SEX:
            raise _wrong(path, line, "the gender F, M or nothing", repr(gender))
        for name, cell in (("anchor_age", age), ("anchor_year", year)):
            if cell and not (cell.isascii() and cell.isdigit() and len(cell) <= 4):
                raise _wrong(path, line, f"a whole number or nothing for {name}", repr(cell))
        years = int(age) + study_years[subject] - int(year) if age and year else None
        if years is not None and not 0 <= years <= _MAX_AGE:
            years, misdated = None, misdated + 1
        found[subject] = (_SEX[gender], age_band(years))
    return found, misdated


def _races(path: Path, wanted: Mapping[str, int]) -> tuple[dict[str, str], int]:
    """Race by subject, and how many subjects were given two at different admissions.

    An admission at which it was not known says nothing against the others. Where those disagree no rule is right, so
    the patient's race is unknown.
    """
    told: dict[str, set[str]] = {}
    for line, (subject, text) in stream_rows(path, ("subject_id", "race|ethnicity")):
        if subject not in wanted:
            continue
        group = race_group(text)
        if group is None:
            expected = "a race that begins with " + ", ".join(start for start, _ in RACE_BEGINNINGS) + ", or nothing"
            raise _wrong(path, line, expected, repr(text))
        told.setdefault(subject, set()).update({group} - {UNKNOWN})
    races = {subject: next(iter(groups)) if len(groups) == 1 else UNKNOWN for subject, groups in told.items()}
    return races, sum(len(groups) > 1 for groups in told.values())


def _wrong(path: Path, line: int, expected: str, got: str) -> DataError:
    return DataError(str(table_path(path)), line=line, expected=expected, got=got, remedy=_REMEDY)
