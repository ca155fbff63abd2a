"""Where the scans of a BraTS set lie, whose they are and what its tables say of them, for the sets of 2017 to 2023.

::

    2017-2019  {HGG,LGG}/BraTS19_CBICA_AAB_1/BraTS19_CBICA_AAB_1_{t1,t1ce,t2,flair,seg}.nii.gz   survival_data.csv
    2020       BraTS20_Training_001/BraTS20_Training_001_{...}.nii   survival_info.csv, name_mapping.csv
    2021       BraTS2021_00000/BraTS2021_00000_{...}.nii.gz
    FeTS 2022  FeTS2022_00000/FeTS2022_00000_{...}.nii.gz            partitioning_1.csv
    2023       BraTS-GLI-00000-000/BraTS-GLI-00000-000-{t1n,t1c,t2w,t2f,seg}.nii.gz

Up to 2019 a scan's name tells who contributed it, in 2020 the table of names does, and FeTS 2022 (the scans of 2021)
has a table of its institutions. Of the others nobody says it.

References
----------
.. [1] Menze et al. (2015). IEEE TMI 34:1993-2024. Bakas et al. (2017). Scientific Data 4:170117.
.. [2] Baid et al. (2021). arXiv:2107.02314. Pati et al. (2021). arXiv:2105.05874 (FeTS).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from federation.domain.data.csv_tables import stream_rows
from federation.domain.data.dataset import DataError

_YEARS: tuple[tuple[str, re.Pattern[str]], ...] = tuple(
    (year, re.compile(pattern, re.IGNORECASE))
    for year, pattern in (
        *((f"20{y}", rf"brats{y}_(?P<who>2013|cbica|tcia\d*|tmc|washu)_[a-z0-9]+_(?P<time>\d+)") for y in (17, 18, 19)),
        ("2020", r"brats20_training_\d{3}"),
        ("2021", r"brats2021_\d{5}"),
        ("FeTS 2022", r"fets2022_\d{5}"),
        ("2023", r"brats-(gli|ssa)-\d{5}-(?P<time>\d{3})"),
    )
)
_VOLUME = re.compile(r"\.nii(\.gz)?$", re.IGNORECASE)
_CONTRIBUTOR = re.compile(r"brats1[789]_(2013|cbica|tcia\d*|tmc|washu)_", re.IGNORECASE)
UNKNOWN_SITE = "unknown"
# Whom the sets name: what `sites` answers before there is a folder to look into.
CONTRIBUTORS = (
    *("2013", "cbica", "tcia", *(f"tcia{n:02d}" for n in range(1, 14)), "tmc", "washu"),
    *(f"partition-{n}" for n in range(1, 24)),
    UNKNOWN_SITE,
)
_SURVIVAL = ("survival_data.csv", "survival_info.csv")
_MAPPING, _PARTITION = "name_mapping.csv", "partitioning_1.csv"
_SURVIVAL_ID = "|".join(f"{brats}{year}ID" for year in (17, 18, 19, 20) for brats in ("Brats", "BraTS", "BRATS"))
_GRADES = {"HGG": "high grade", "LGG": "low grade"}
_MAX_DEPTH, MAX_AGE = 3, 120
_TABLE_REMEDY = "Use the table as it was published with the set."
ROOT_REMEDY = (
    "Give the folder that holds the patients' folders as published (BraTS18_..., BraTS20_Training_..., BraTS2021_..., "
    "FeTS2022_..., BraTS-GLI-...)."
)


@dataclass(frozen=True)
class Scan:
    """One folder of volumes."""

    folder: Path
    year: str
    patient: str  # the scan's name without the number of the visit
    visit: int
    contributor: str  # `UNKNOWN_SITE` where nobody says it
    grade: str | None = None  # None where nobody says it

    @property
    def label_values(self) -> tuple[int, int, int]:
        """Necrosis, oedema, enhancing tumour: the last was renumbered in 2023."""
        return (1, 2, 3) if self.year == "2023" else (1, 2, 4)


@dataclass(frozen=True)
class Layout:
    """The first scan of each patient, in the order of their names, and the ages that a table tells (None: no table)."""

    year: str
    scans: tuple[Scan, ...]
    later_visits: int
    unread: int  # folders of volumes whose names are of no year
    ages: Mapping[str, float | None] | None  # by the folder's name, lower case


def read_layout(root: Path) -> Layout:
    """Find the scans of one year's set.

    Raises
    ------
    DataError
        If there are none, or those of two years (the same patients under two names), or a scan twice, or a table is
        damaged.
    """
    found: dict[str, Scan] = {}
    tables: dict[str, Path] = {}
    unread = 0
    for entry, scan in _walk(root, 0):
        name = entry.name.lower()
        if scan is None and entry.suffix == ".csv":
            tables.setdefault(name, entry)
        elif scan is None:
            unread += 1
        elif name in found:
            got = f"a second one beside {found[name].folder.parent.name}/{entry.name}"
            raise DataError(str(entry), expected="one folder a scan", got=got, remedy="Keep one of them.")
        else:
            found[name] = scan
    years = sorted({scan.year for scan in found.values()})
    if len(years) != 1:
        got = " and ".join(years) or "none"
        remedy = "Give one year's set: the years hold the same patients under other names." if years else ROOT_REMEDY
        raise DataError(str(root), expected="scans of one year's BraTS set", got=got, remedy=remedy)
    first: dict[str, Scan] = {}
    for scan in sorted(found.values(), key=lambda scan: (scan.patient, scan.visit)):
        first.setdefault(scan.patient, scan)
    told = _mapped(first, tables)
    survival = next((tables[name] for name in _SURVIVAL if name in tables), None)
    ages = None if survival is None else _ages(survival)
    return Layout(years[0], tuple(told.values()), len(found) - len(first), unread, ages)


def _walk(folder: Path, depth: int) -> Iterator[tuple[Path, Scan | None]]:
    """The scans under a folder, the tables, and the folder itself if it holds what is not read (both None)."""
    try:
        entries = sorted(entry for entry in folder.iterdir() if not entry.name.startswith((".", "__MACOSX")))
    except OSError as error:
        got = error.strerror or type(error).__name__
        raise DataError(str(folder), expected="a readable folder", got=got, remedy=ROOT_REMEDY) from error
    if _unnamed(folder, entries):
        yield folder, None
    for entry in entries:
        if not entry.is_dir():
            if entry.suffix == ".csv":
                yield entry, None
        elif (scan := _scan(entry)) is not None:
            yield entry, scan
        elif depth < _MAX_DEPTH:
            yield from _walk(entry, depth + 1)


def _unnamed(folder: Path, entries: Sequence[Path]) -> bool:
    """Whether a folder that is no scan by its name is one by what it holds, or by how its name begins if it is a leaf.

    The archives' own folders (BraTS2021_Training_Data) begin so too, and hold folders.
    """
    if any(_VOLUME.search(entry.name) for entry in entries):
        return True
    return folder.name.lower().startswith(("brats", "fets")) and not any(entry.is_dir() for entry in entries)


def _scan(folder: Path) -> Scan | None:
    for year, pattern in _YEARS:
        match = pattern.fullmatch(folder.name)
        if match is None:
            continue
        known = match.groupdict()
        patient = folder.name.lower()
        if "time" in known:
            patient = patient[: match.start("time") - 1]
        grade = _GRADES.get(folder.parent.name.upper())
        who = (known.get("who") or UNKNOWN_SITE).lower()
        return Scan(folder, year, patient, int(known.get("time") or 0), who, grade)
    return None


def _mapped(scans: Mapping[str, Scan], tables: Mapping[str, Path]) -> dict[str, Scan]:
    """The scans with what the table of names (2020) or of partitions (FeTS) says of them."""
    told = dict(scans)
    year = next(iter(scans.values())).year
    if year == "2020" and _MAPPING in tables:
        columns = (
            *("BraTS_2020_subject_ID", "BraTS_2019_subject_ID", "BraTS_2018_subject_ID", "BraTS_2017_subject_ID"),
            "Grade",
        )
        for _, (name, *older, grade) in stream_rows(tables[_MAPPING], columns):
            if name.lower() in told:
                named = next((match[1].lower() for old in older if (match := _CONTRIBUTOR.match(old))), UNKNOWN_SITE)
                told[name.lower()] = replace(told[name.lower()], contributor=named, grade=_GRADES.get(grade.upper()))
    if year == "FeTS 2022" and _PARTITION in tables:
        for line, (number, name) in stream_rows(tables[_PARTITION], ("Partition_ID", "Subject_ID")):
            if not (number.isascii() and number.isdigit() and len(number) <= 4):
                raise _wrong(tables[_PARTITION], line, "the number of a partition", repr(number))
            if name.lower() in told:
                told[name.lower()] = replace(told[name.lower()], contributor=f"partition-{int(number)}")
    return told


def _ages(path: Path) -> dict[str, float | None]:
    ages: dict[str, float | None] = {}
    for line, (name, cell) in stream_rows(path, (_SURVIVAL_ID, "Age")):
        if name.lower() in ages:
            raise _wrong(path, line, "one row a scan", f"a second row for {name}")
        try:
            age = float(cell) if cell not in ("", "NA") else None
        except ValueError:
            age = -1.0
        if age is not None and not 0 <= age <= MAX_AGE:
            raise _wrong(path, line, f"an age from 0 to {MAX_AGE} years, NA or nothing", repr(cell))
        ages[name.lower()] = age
    return ages


def _wrong(path: Path, line: int, expected: str, got: str) -> DataError:
    return DataError(str(path), line=line, expected=expected, got=got, remedy=_TABLE_REMEDY)
