"""One BraTS patient: four volumes and their segmentation, checked against one another and cut into slices.

What is wrong with a patient refuses that patient alone, with a reason that names nobody (it is counted in the manifest)
and a detail for the site itself.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from federation.domain.data.brats_layout import Scan
from federation.domain.data.dataset import DataError
from federation.domain.data.guarded_reader import GuardedReader
from federation.domain.data.image_files import area_mean

CHANNELS = ("t1", "t1ce", "t2", "flair")
REGIONS = ("whole", "core", "enhancing")
_SEGMENTATION = "seg"
_NAMES = {
    **{"t1": "t1", "t1n": "t1", "t1ce": "t1ce", "t1gd": "t1ce", "t1c": "t1ce", "t2": "t2", "t2w": "t2"},
    **{"flair": "flair", "t2f": "flair", "seg": _SEGMENTATION},
}
_FILE = re.compile(r"[_-](" + "|".join(_NAMES) + r")\.nii(\.gz)?", re.IGNORECASE)
# The segmentation of BraTS20_Training_355 was published under the name of its time in the clinic.
_ODD_SEGMENTATION = re.compile(r"w\d+_\d{4}\.\d\d\.\d\d_segm\.nii(\.gz)?", re.IGNORECASE)
_AFFINE_TOLERANCE = 1e-3  # millimetres: headers are written in single precision
_LOW, _HIGH = 1.0, 99.5  # percentiles of the brain's voxels that become 0 and 1
_AGAIN = "Copy the patient's folder again from the original set."


class PatientRefused(Exception):
    """A patient who cannot be used: a reason that names nobody, and what came and what to do."""

    def __init__(self, reason: str, detail: str) -> None:
        self.reason, self.detail = reason, detail
        super().__init__(f"{reason}: {detail}")


@dataclass(frozen=True)
class Slices:
    """Some slices of a patient: `x` of shape (k, 4, px, px) in [0, 1], `y` of shape (k, px, px), 0 or 1."""

    x: NDArray[np.float32]
    y: NDArray[np.uint8]
    vanished: int  # slices whose whole (tiny) tumour was lost in resampling


def region_labels(scan: Scan, region: str) -> tuple[int, ...]:
    """Label values of the whole tumour, its core (without oedema) or its enhancing part."""
    necrosis, oedema, enhancing = scan.label_values
    return {"whole": (necrosis, oedema, enhancing), "core": (necrosis, enhancing), "enhancing": (enhancing,)}[region]


def read_patient(reader: GuardedReader, scan: Scan, *, px: int, slices: int, region: str) -> Slices:
    """Read and check the volumes of a scan.

    `slices` axial slices are taken, the middles of equal stretches of the brain; each modality is scaled between two
    percentiles of its own brain voxels (those that are not 0). Rows run along the volume's second axis.

    Raises
    ------
    PatientRefused
        If a volume is missing, unreadable, of another shape or place than the others, not finite or empty, or a label
        is out of range.
    """
    volumes = _read(reader, scan.folder)
    labels = _checked_labels(volumes.pop(_SEGMENTATION), scan)
    if labels.shape[1] != labels.shape[2] or labels.shape[1] < px:
        got = f"{labels.shape[2]} x {labels.shape[1]} voxels a slice"
        raise PatientRefused("slices that are not square or too small", f"{got}. Ask for px of at most the side.")
    brain = np.logical_or.reduce([volume.any(axis=(1, 2)) for volume in volumes.values()])
    chosen = _evenly(np.flatnonzero(brain), slices)
    x = np.stack([_scaled(name, volumes.pop(name), chosen, px) for name in CHANNELS], axis=1)
    y, vanished = np.empty((len(chosen), px, px), dtype=np.uint8), 0
    for row, number in enumerate(chosen):
        tumour = np.isin(labels[number], region_labels(scan, region))
        y[row] = area_mean(tumour, px) >= 0.5
        vanished += bool(tumour.any()) and not y[row].any()
    return Slices(x, y, vanished)


def _read(reader: GuardedReader, folder: Path) -> dict[str, NDArray[Any]]:
    """The five volumes, axes (z, y, x), all of one shape and place."""
    found: dict[str, NDArray[Any]] = {}
    place: NDArray[np.float64] | None = None
    for name, path in _files(folder).items():
        try:
            image, facts = reader.read(path)
        except DataError as error:
            raise PatientRefused("a volume that cannot be read", str(error)) from error
        affine = np.reshape(facts["affine"], (4, 4))
        place = affine if place is None else place
        first = next(iter(found.values()), image)
        if image.shape != first.shape:
            sizes = [" x ".join(map(str, shape[::-1])) for shape in (first.shape, image.shape)]
            raise PatientRefused("volumes of different shapes", f"{name} has {sizes[1]}, expected {sizes[0]}. {_AGAIN}")
        if not np.allclose(affine, place, rtol=0, atol=_AFFINE_TOLERANCE):
            detail = (
                f"the affine of {name} differs from that of {CHANNELS[0]}: they do not cover the same tissue. {_AGAIN}"
            )
            raise PatientRefused("volumes in different places (affines differ)", detail)
        if image.dtype.kind == "f" and not np.isfinite(image).all():
            detail = f"{int((~np.isfinite(image)).sum())} voxels of {name} are NaN or infinite. {_AGAIN}"
            raise PatientRefused("voxels that are NaN or infinite", detail)
        found[name] = image
    return found


def _files(folder: Path) -> dict[str, Path]:
    """The five files of a scan."""
    found: dict[str, Path] = {}
    odd: list[Path] = []
    try:
        entries = sorted(folder.iterdir())
    except OSError as error:
        got = error.strerror or type(error).__name__
        raise PatientRefused("a folder that cannot be read", f"{folder.name}: {got}. Make it readable.") from error
    for path in entries:
        match = _FILE.fullmatch(path.name[len(folder.name) :])
        if match is None or not path.name.lower().startswith(folder.name.lower()):
            odd += [path] if _ODD_SEGMENTATION.fullmatch(path.name) else []
            continue
        name = _NAMES[match[1].lower()]
        if name in found:
            detail = f"{found[name].name} and {path.name}. Keep one of them."
            raise PatientRefused(f"two files of the modality {name}", detail)
        found[name] = path
    if _SEGMENTATION not in found and len(odd) == 1:
        found[_SEGMENTATION] = odd[0]
    absent = [name for name in (*CHANNELS, _SEGMENTATION) if name not in found]
    if absent:
        what = "no segmentation" if absent == [_SEGMENTATION] else f"modality missing: {', '.join(absent)}"
        expected = f"{folder.name} with the files t1, t1ce (or t1gd, t1c), t2, flair (or t2f) and seg"
        raise PatientRefused(what, f"expected {expected}. {_AGAIN}")
    return {name: found[name] for name in (*CHANNELS, _SEGMENTATION)}


def _checked_labels(volume: NDArray[Any], scan: Scan) -> NDArray[np.uint8]:
    allowed = (0, *scan.label_values)
    low, high = float(volume.min()), float(volume.max())
    if volume.dtype.kind == "f" and (volume != np.rint(volume)).any():
        got = "values that are no whole numbers"
    elif low < 0 or high > 255:
        got = f"values from {low:g} to {high:g}"
    else:
        labels = volume.astype(np.uint8, copy=False)
        # Slice by slice: to count, NumPy makes of each label an integer of eight bytes.
        counts = sum(np.bincount(part.ravel(), minlength=256) for part in labels)
        strange = [int(value) for value in np.flatnonzero(counts) if value not in allowed]
        if not strange:
            return labels
        got = f"the values {', '.join(map(str, strange))}"
    other = "2017-2022, where the enhancing tumour is 4" if scan.year == "2023" else "2023, where it is 3"
    detail = f"expected {', '.join(map(str, allowed))} in the set of {scan.year}, got {got}. {_AGAIN}"
    raise PatientRefused("labels out of range", f"{detail} (A set of {other}, has other values.)")


def _scaled(name: str, volume: NDArray[Any], chosen: NDArray[np.int64], px: int) -> NDArray[np.float32]:
    """The chosen slices in [0, 1]; what is outside the brain stays 0."""
    brain = volume[volume != 0]
    low, high = np.percentile(brain, (_LOW, _HIGH), overwrite_input=True) if brain.size else (0.0, 0.0)
    del brain
    if not high > low:
        detail = f"all voxels of {name} are alike. {_AGAIN} If it was not acquired, leave the patient out."
        raise PatientRefused("a modality without any signal", detail)
    found = np.empty((len(chosen), px, px), dtype=np.float32)
    for row, number in enumerate(chosen):
        some = volume[number]
        scaled = np.where(some != 0, np.clip((some.astype(np.float32) - low) / (high - low), 0, 1), 0)
        found[row] = area_mean(scaled, px)
    return np.clip(found, 0, 1)


def _evenly(numbers: NDArray[np.int64], count: int) -> NDArray[np.int64]:
    """The middles of `count` equal stretches."""
    if len(numbers) <= count:
        return numbers
    return numbers[(2 * np.arange(count) + 1) * len(numbers) // (2 * count)]
