"""The `data.csv` of the LGG Segmentation Dataset: one row a patient, demographics as small integers, some missing.

The set does not say what its codes mean. Of ``gender``, 1 is female and 2 male: so read, it agrees with the public TCGA
clinical table for each of the 74 patients of the development copy that both hold. ``race`` and ``ethnicity`` keep their
code ("race 3").
"""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from federation.domain.data.csv_tables import read_small
from federation.domain.data.dataset import UNKNOWN, DataError
from federation.domain.data.demographics import age_band, missing_notes

COLUMNS = ("Patient", "gender", "age_at_initial_pathologic", "race", "ethnicity")
ATTRIBUTES = ("sex", "race", "ethnicity", "age_band")
_SEX = {1: "female", 2: "male"}
_CODES = {"gender": (1, 2), "race": tuple(range(1, 10)), "ethnicity": tuple(range(1, 10))}
_REMEDY = "Use the data.csv of the original set, or leave the value empty if it is not known."


@dataclass(frozen=True)
class Demographics:
    """The groups of one patient; ``unknown`` where the value is missing."""

    sex: str = UNKNOWN
    race: str = UNKNOWN
    ethnicity: str = UNKNOWN
    age_band: str = UNKNOWN


def read_table(path: Path) -> dict[str, Demographics]:
    """Read `data.csv` (`;` or `,` between columns).

    Returns
    -------
    dict of str to Demographics
        Patient (``TCGA_CS_4941``, upper case) to groups.

    Raises
    ------
    DataError
        If the file or a column is missing, a row has another number of columns than the header, a patient has two rows,
        or a value is no number or no known code.
    """
    try:
        text = (raw := read_small(path)).decode("utf-8-sig")
    except OSError as error:
        got = error.strerror or type(error).__name__
        remedy = "Put the data.csv of the set beside the patients' folders."
        raise DataError(str(path), expected="the table of demographics", got=got, remedy=remedy) from error
    except UnicodeDecodeError as error:
        line = raw[: error.start].count(b"\n") + 1
        raise DataError(str(path), line=line, expected="UTF-8 text", got="other bytes", remedy=_REMEDY) from error
    lines = text.splitlines()
    delimiter = ";" if lines and ";" in lines[0] else ","
    rows = csv.reader(lines, delimiter=delimiter)
    header = next(rows, [])
    absent = [name for name in COLUMNS if name not in header]
    if absent:
        expected = f"a header with the columns {', '.join(COLUMNS)}"
        raise DataError(str(path), line=1, expected=expected, got=f"none named {', '.join(absent)}", remedy=_REMEDY)
    table: dict[str, Demographics] = {}
    for cells in rows:
        if not cells and rows.line_num == len(lines):
            break  # an empty last line
        if len(cells) != len(header):
            expected = f"{len(header)} columns as in the header"
            raise DataError(str(path), line=rows.line_num, expected=expected, got=f"{len(cells)}", remedy=_REMEDY)
        row = dict(zip(header, (cell.strip() for cell in cells), strict=True))
        patient = row["Patient"].upper()
        if not patient or patient in table:
            got = f"a second row for {patient}" if patient else "no patient"
            raise DataError(str(path), line=rows.line_num, expected="one row a patient", got=got, remedy=_REMEDY)
        table[patient] = _demographics(path, rows.line_num, row)
    return table


def _demographics(path: Path, line: int, row: Mapping[str, str]) -> Demographics:
    codes = {name: _code(path, line, name, row[name]) for name in _CODES}
    gender, race, ethnicity = codes["gender"], codes["race"], codes["ethnicity"]
    age = _number(path, line, "age_at_initial_pathologic", row["age_at_initial_pathologic"])
    if age is not None and not 0 < age <= 120:
        raise DataError(str(path), line=line, expected="an age from 1 to 120 years", got=f"{age:g}", remedy=_REMEDY)
    return Demographics(
        sex=UNKNOWN if gender is None else _SEX[gender],
        race=UNKNOWN if race is None else f"race {race}",
        ethnicity=UNKNOWN if ethnicity is None else f"ethnicity {ethnicity}",
        age_band=age_band(age),
    )


def _number(path: Path, line: int, name: str, cell: str) -> float | None:
    """A number, written plainly ("67" or "67.0"), or None for an empty cell."""
    if not cell:
        return None
    if not cell.replace(".", "", 1).isascii() or not cell.replace(".", "", 1).isdigit():
        expected = f"a number or nothing for {name}"
        raise DataError(str(path), line=line, expected=expected, got=repr(cell), remedy=_REMEDY)
    return float(cell)


def _code(path: Path, line: int, name: str, cell: str) -> int | None:
    number = _number(path, line, name, cell)
    if number is None or number in _CODES[name]:
        return None if number is None else int(number)
    expected = f"a code from {min(_CODES[name])} to {max(_CODES[name])} or nothing for {name}"
    raise DataError(str(path), line=line, expected=expected, got=cell, remedy=_REMEDY)


def groups_of(
    patients: Sequence[str], table: Mapping[str, Demographics]
) -> tuple[dict[str, NDArray[np.str_]], list[str]]:
    """The groups of some patients, and a note for each attribute that some of them miss (without naming them)."""
    found = [table.get(patient, Demographics()) for patient in patients]
    groups = {name: np.array([getattr(person, name) for person in found]) for name in ATTRIBUTES}
    notes = missing_notes(groups)
    absent = sum(patient not in table for patient in patients)
    if absent:
        notes.append(f"{absent} of {len(patients)} patients have no row in data.csv")
    return groups, notes
