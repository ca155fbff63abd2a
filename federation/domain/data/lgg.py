"""TCGA lower-grade glioma MRI with FLAIR abnormality masks, in the layout of the public "LGG Segmentation Dataset".

One folder a patient, `TCGA_<institution>_<patient>_<date>/`, slices `<folder>_<n>.tif` (pre-contrast, FLAIR,
post-contrast) and `<folder>_<n>_mask.tif` (0 or 255); `data.csv` beside the folders. The institution is the site.

References
----------
.. [1] Buda, Saha, Mazurowski (2019). Computers in Biology and Medicine 109:218-225.
.. [2] Pedano et al. (2016). TCGA-LGG. The Cancer Imaging Archive, doi:10.7937/K9/TCIA.2016.L4LTD3TK.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from federation.domain.data.dataset import DataError, LoadReport, Refusal, SiteData, SiteInfo, Task
from federation.domain.data.image_files import area_mean, read_tiff
from federation.domain.data.lgg_demographics import groups_of, read_table
from federation.domain.data.volumes import as_slabs, with_context

TASK: Task = "segmentation"
SITES = tuple(SiteInfo(code, f"TCGA tissue source site {code.upper()}") for code in ("cs", "du", "ez", "fg", "ht"))
CHANNELS = ("pre-contrast", "flair", "post-contrast")
DEFAULT_PX, FULL_PX = 64, 256
_FOLDER = re.compile(r"TCGA_(CS|DU|EZ|FG|HT)_[A-Z0-9]{4}_\d{8}", re.IGNORECASE)
_PATIENT_CHARS = 12  # TCGA_CS_4941: the key of data.csv
_ROOT_REMEDY = "Give the folder that holds the TCGA_* folders and data.csv (in the public archive: kaggle_3m)."
_COPY_REMEDY = "Copy the patient's folder again from the original set."


@dataclass(frozen=True)
class LggSource:
    """TCGA-LGG in a folder of patient folders.

    Attributes
    ----------
    root : Path
        Holds `data.csv` and the patient folders, at least those of the site to be loaded.
    px : int
        Side of the square images to return, at most that of the files.
    slices : int or None
        A declared subsample: that many slices a patient, evenly spaced; None takes all. A patient with fewer gives all.
    context : int
        So many neighbours on each side as further channels of a slice; 0: none. They are those of the
        whole volume, whatever `slices` leaves out.
    slab : int
        So many slices stacked into one row, for a network in three dimensions; 0: one slice a row. Not with `slices`.
    """

    root: Path
    px: int = DEFAULT_PX
    slices: int | None = None
    context: int = 0
    slab: int = 0
    name = "lgg"
    title = "TCGA lower-grade glioma MRI (five institutions)"
    task = TASK
    synthetic = False

    def __post_init__(self) -> None:
        if self.context and self.slab:
            raise ValueError("expected context or slab, got both: a slab holds a slice's neighbours already")
        if self.slices and self.slab:
            raise ValueError("expected slices or slab, got both: slices that are left out would tear a slab apart")

    def sites(self) -> tuple[SiteInfo, ...]:
        return SITES

    def load(self, site: str) -> SiteData:
        """Load one institution.

        Returns
        -------
        SiteData
            `x` of shape (m, 3, px, px): the channels `CHANNELS`, uint8 / 255, area mean. `y` of shape (m, px, px): 1
            where at least half of the pixel's area is abnormal. Patients in the order of their folder names, slices in
            that of their numbers. Groups: ``sex``, ``race``, ``ethnicity``, ``age_band``.

        Raises
        ------
        DataError
            For an unknown or empty site, a missing folder, table, mask or slice, or a file that is not as documented.
        """
        if site not in {s.code for s in SITES}:
            raise DataError(
                str(self.root),
                expected="one of the sites " + ", ".join(s.code for s in SITES),
                got=repr(site),
                remedy="Give the code of a site of this set.",
            )
        folders, ignored = _site_folders(self.root, site)
        table = read_table(self.root / "data.csv")
        listed = {folder: _list_slices(folder) for folder in folders}
        refused = tuple(
            Refusal(folder.name, None, "the patient's folder holds no slice") for folder, n in listed.items() if not n
        )
        used = [folder for folder, numbers in listed.items() if numbers]
        if not used:
            raise _nothing(self.root, site, f"{len(folders)} folders without any slice")
        chosen = {folder: _evenly(listed[folder], self.slices) for folder in used}
        around = {folder: _with_neighbours(listed[folder], chosen[folder], self.context) for folder in used}
        x, y, vanished = self._read(around)
        # What was read for the neighbours' sake alone goes again; without that, nothing is copied.
        thinned = self.slices and self.context
        kept = np.concatenate([np.isin(around[one], chosen[one]) for one in used]) if thinned else slice(None)
        keys = [folder.name[:_PATIENT_CHARS].upper() for folder in used]
        groups, demographic_notes = groups_of(keys, table)
        notes = (
            *self._slice_notes(listed, chosen),
            *_image_notes(x[kept], [len(numbers) for numbers in chosen.values()], int(vanished[kept].sum())),
            *demographic_notes,
            *((f"not read: {ignored} other entries beside the patients' folders",) if ignored else ()),
        )
        data = SiteData(
            site=site,
            task=self.task,
            record_ids=tuple(folder.name for folder in used),
            x=x,
            y=y,
            patient_index=np.repeat(np.arange(len(used), dtype=np.int64), [len(n) for n in around.values()]),
            groups=groups,
            feature_names=CHANNELS,
            report=LoadReport(found=len(folders), used=len(used), refused=refused, notes=notes),
        )
        if self.slab:
            return as_slabs(data, self.slab)
        data = with_context(data, self.context)
        return replace(data, x=data.x[kept], y=data.y[kept], patient_index=data.patient_index[kept])

    def _read(self, chosen: dict[Path, list[int]]) -> tuple[NDArray[np.float32], NDArray[np.uint8], NDArray[np.bool_]]:
        """Images in [0, 1], masks 0/1, and which slices lost their whole (tiny) lesion in resampling."""
        total = sum(map(len, chosen.values()))
        x = np.empty((total, len(CHANNELS), self.px, self.px), dtype=np.float32)
        y = np.empty((total, self.px, self.px), dtype=np.uint8)
        vanished, row = np.zeros(total, dtype=np.bool_), 0
        for folder, numbers in chosen.items():
            for number in numbers:
                image, mask = _read_slice(folder, number, least=self.px)
                x[row] = area_mean(np.moveaxis(image, 2, 0), self.px) / 255
                y[row] = area_mean(mask, self.px) >= 127.5
                vanished[row] = mask.any() and not y[row].any()
                row += 1
        return np.clip(x, 0, 1, out=x), y, vanished

    def _slice_notes(self, listed: dict[Path, list[int]], chosen: dict[Path, list[int]]) -> list[str]:
        total, taken = sum(map(len, listed.values())), sum(map(len, chosen.values()))
        how = "all slices" if self.slices is None else f"subsample of {self.slices} evenly spaced slices a patient"
        how += f", with {self.context} neighbours on each side" if self.slices and self.context else ""
        notes = [f"{how}: {taken} of {total} slices read, {total - taken} left out"]
        gaps = sum(bool(n) and n != list(range(n[0], n[0] + len(n))) for n in listed.values())
        if gaps:
            notes.append(f"gaps in the numbering of the slices of {gaps} of {len(listed)} patients")
        return notes


def _site_folders(root: Path, site: str) -> tuple[list[Path], int]:
    """The patients' folders of a site, sorted, and how many other entries lie beside them."""
    folders: dict[str, Path] = {}
    ignored = 0
    for entry in _entries(root):
        if not entry.is_dir() or entry.name.startswith((".", "__MACOSX")):
            ignored += entry.name != "data.csv"
            continue
        if not _FOLDER.fullmatch(entry.name):
            raise DataError(
                str(entry),
                expected="a folder named TCGA_<CS|DU|EZ|FG|HT>_<patient>_<yyyymmdd>",
                got=repr(entry.name),
                remedy="Move it out of the set if it is no patient. " + _ROOT_REMEDY,
            )
        patient = entry.name[:_PATIENT_CHARS].upper()
        if patient in folders:
            raise DataError(
                str(entry),
                expected="one folder a patient",
                got=f"a second one beside {folders[patient].name}",
                remedy="Keep one of them: a patient must not be in two sets at once.",
            )
        folders[patient] = entry
    found = [folder for patient, folder in folders.items() if patient[5:7] == site.upper()]
    if not found:
        raise _nothing(root, site, "none")
    return found, ignored


def _entries(folder: Path) -> list[Path]:
    try:
        return sorted(folder.iterdir())
    except OSError as error:
        got = error.strerror or type(error).__name__
        raise DataError(str(folder), expected="a readable folder", got=got, remedy=_ROOT_REMEDY) from error


def _nothing(root: Path, site: str, got: str) -> DataError:
    return DataError(
        str(root), expected=f"patients of site {site} (folders TCGA_{site.upper()}_*)", got=got, remedy=_ROOT_REMEDY
    )


def _list_slices(folder: Path) -> list[int]:
    """Sorted numbers of the slices of a patient, after checking that each has its mask and each mask its slice."""
    pattern = re.compile(re.escape(folder.name) + r"_(0|[1-9]\d*)(_mask)?\.tif")
    slices: set[int] = set()
    masks: set[int] = set()
    for name in (entry.name for entry in _entries(folder) if not entry.name.startswith(".")):
        match = pattern.fullmatch(name)
        if match is None:
            raise DataError(
                str(folder / name),
                expected="the name of the folder and _<n>.tif or _<n>_mask.tif",
                got=repr(name),
                remedy="Restore the file's name, or move it out if it belongs elsewhere.",
            )
        (masks if match[2] else slices).add(int(match[1]))
    for number in sorted(slices ^ masks):
        absent, present = ("a mask", "a slice") if number in slices else ("a slice", "a mask")
        raise DataError(
            str(folder / _file_name(folder, number, mask=number in slices)),
            expected=f"{absent} for slice {number}",
            got=f"{present} alone",
            remedy=_COPY_REMEDY,
        )
    return sorted(slices)


def _file_name(folder: Path, number: int, *, mask: bool) -> str:
    return f"{folder.name}_{number}{'_mask' if mask else ''}.tif"


def _evenly(numbers: list[int], count: int | None) -> list[int]:
    """The middles of `count` equal stretches of the volume: its ends, nearly always empty, are not favoured."""
    if count is None or len(numbers) <= count:
        return numbers
    return [numbers[(2 * i + 1) * len(numbers) // (2 * count)] for i in range(count)]


def _with_neighbours(numbers: list[int], chosen: list[int], reach: int) -> list[int]:
    """The chosen slices and those that lie up to `reach` places from one of them in the volume."""
    places = [numbers.index(number) for number in chosen]
    near = {place + step for place in places for step in range(-reach, reach + 1)}
    return [number for place, number in enumerate(numbers) if place in near]


def _read_slice(folder: Path, number: int, *, least: int) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    image_path, mask_path = (folder / _file_name(folder, number, mask=mask) for mask in (False, True))
    image, mask = read_tiff(image_path, channels=len(CHANNELS)), read_tiff(mask_path, channels=1)
    if image.shape[0] != image.shape[1] or image.shape[0] < least:
        raise DataError(
            str(image_path),
            expected=f"a square image of at least {least} px",
            got=f"{image.shape[0]} x {image.shape[1]}",
            remedy="Ask for a smaller px; images are never enlarged.",
        )
    if mask.shape != image.shape[:2]:
        expected = f"a mask of the shape of its slice, {image.shape[0]} x {image.shape[1]}"
        raise DataError(
            str(mask_path), expected=expected, got=f"{mask.shape[0]} x {mask.shape[1]}", remedy=_COPY_REMEDY
        )
    odd = np.setdiff1d(mask, (0, 255))
    if odd.size:
        raise DataError(
            str(mask_path), expected="a mask of 0 and 255 only", got=f"the value {odd[0]}", remedy=_COPY_REMEDY
        )
    return image, mask


def _image_notes(x: NDArray[np.float32], lengths: list[int], vanished: int) -> list[str]:
    """What the images themselves lack. The set repeats FLAIR where a sequence was not acquired."""
    notes = []
    starts = np.concatenate([[0], np.cumsum(lengths)[:-1]])
    flair = CHANNELS.index("flair")
    for index, channel in enumerate(CHANNELS):
        same = (x[:, index] == x[:, flair]).all(axis=(1, 2))
        patients = int(np.logical_and.reduceat(same, starts).sum()) if index != flair else 0
        if patients:
            notes.append(f"{channel}: repeats FLAIR for {patients} of {len(lengths)} patients (not acquired)")
    if vanished:
        notes.append(
            f"the lesion of {vanished} of {len(x)} slices is so small that none of it is left at this resolution"
        )
    return notes
