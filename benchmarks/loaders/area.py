"""Area `loaders`: what it costs to open DICOM and NIfTI in a confined process, and what that saves.

Files are made on the spot in the sizes of the sets: a BraTS volume and a radiograph of MIMIC-CXR. The peer opens the
same files in its own process with the libraries alone. Memory is the largest resident size of a fresh worker and of
its reader, added up, after one file.
"""

from __future__ import annotations

import gzip
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, Literal

import nibabel
import numpy as np
import pydicom

from benchmarks.frame import QUICK_RUNS, ROOT, RUNS, Measure, alternate, compared, progress
from federation.domain.data.brats import BratsSource
from federation.domain.data.guarded_reader import GuardedReader
from tests.factories.brats_layout import write_scan
from tests.factories.image_bombs import deflated_dicom, gzip_nifti, nifti_header, write_dicom, write_nifti

PARTS = ("speed", "memory", "patients")
VOLUME, RADIOGRAPH = (240, 240, 155), (3056, 2544)
FILES_A_RUN = 3
BARE = {
    "dicom": "import pydicom; pydicom.dcmread({path!r}).pixel_array",
    "nifti": "import nibabel, numpy; numpy.array(nibabel.load({path!r}).dataobj)",
}
GUARDED = """
from pathlib import Path
from federation.domain.data.dataset import DataError
from federation.domain.data.guarded_reader import GuardedReader
with GuardedReader({kind!r}) as reader:
    try:
        reader.read(Path({path!r}))
    except DataError:
        pass
"""
PEAK = """
import json, resource
print(json.dumps([resource.getrusage(who).ru_maxrss for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]))
"""


def measure(*, quick: bool, only: Sequence[str] = ()) -> Iterator[Measure]:
    """Speed beside the bare libraries, memory on honest files and on bombs, and whole BraTS patients."""
    parts = [part for part in PARTS if not only or any(word in part for word in only)]
    if not parts:
        raise SystemExit(f"expected some of the parts {', '.join(PARTS)}, got {' '.join(only)}")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        files = honest(folder)
        if "speed" in parts:
            yield from speed(files, QUICK_RUNS if quick else RUNS)
        if "memory" in parts:
            yield from memory(files, folder)
        if "patients" in parts:
            yield from patients(folder / "brats", 2 if quick else 6)


def honest(folder: Path) -> dict[str, tuple[Literal["dicom", "nifti"], Path]]:
    rng = np.random.default_rng(1)
    volume = np.zeros(VOLUME, np.int16)
    volume[40:200, 30:210, 20:140] = rng.integers(100, 1500, (160, 180, 120))
    return {
        "BraTS volume, .nii.gz": ("nifti", write_nifti(folder / "volume.nii.gz", volume)),
        "BraTS volume, .nii": ("nifti", write_nifti(folder / "volume.nii", volume)),
        "radiograph, DICOM": ("dicom", write_dicom(folder / "r.dcm", rng.integers(0, 4096, RADIOGRAPH).astype("u2"))),
    }


def speed(files: dict[str, tuple[Literal["dicom", "nifti"], Path]], runs: int) -> Iterator[Measure]:
    bare: dict[str, Callable[[Path], Any]] = {
        "nifti": lambda path: np.array(nibabel.load(path).dataobj),  # type: ignore[attr-defined]
        "dicom": lambda path: pydicom.dcmread(path).pixel_array,
    }
    for name, (kind, path) in files.items():
        progress(f"speed: {name}")
        with GuardedReader(kind) as reader:
            ours, theirs = alternate(
                lambda reader=reader, path=path: rate(reader.read, path),  # type: ignore[misc]
                lambda kind=kind, path=path: rate(bare[kind], path),  # type: ignore[misc]
                runs=runs,
            )
        library = {"nifti": "nibabel", "dicom": "pydicom"}[kind]
        note = "one reader process for all files; the peer reads in its own process, without limits"
        yield compared(f"{name}, files read", ours, "files/s", better="higher", peer=library, theirs=theirs, note=note)


def rate(read: Callable[[Path], Any], path: Path) -> float:
    started = time.perf_counter()
    for _ in range(FILES_A_RUN):
        read(path)
    return FILES_A_RUN / (time.perf_counter() - started)


def memory(files: dict[str, tuple[Literal["dicom", "nifti"], Path]], folder: Path) -> Iterator[Measure]:
    most = nifti_header((512, 512, 144))  # the largest volume that is accepted: 72 MiB of zeros in a small file
    (folder / "most.nii.gz").write_bytes(gzip.compress(most + bytes(72 * 2**20)))
    bombs: dict[str, tuple[Literal["dicom", "nifti"], Path]] = {
        "deflated DICOM bomb": ("dicom", deflated_dicom(folder / "bomb.dcm")),
        "gzip NIfTI bomb": ("nifti", gzip_nifti(folder / "bomb.nii.gz", header=nifti_header((949, 1000, 500)))),
        "largest NIfTI accepted": ("nifti", folder / "most.nii.gz"),
    }
    for name, (kind, path) in {**files, **bombs}.items():
        progress(f"memory: {name}")
        ours, theirs = (peak(code.format(kind=kind, path=str(path))) for code in (GUARDED, BARE[kind]))
        size = path.stat().st_size
        note = f"file of {size / 1e6:.1f} MB; worker and reader together"
        library = {"nifti": "nibabel", "dicom": "pydicom"}[kind]
        yield Measure(f"{name}, peak memory", ours, "MB", library, theirs, theirs / ours, note=note)


def peak(code: str) -> float:
    """Resident megabytes of a fresh process and of the largest of its children.

    A process takes over the peak of the one that starts it: a shell stands between, so that ours is not counted.
    """
    command = [
        "sh",
        "-c",
        '"$@"; exit $?',
        "sh",
        sys.executable,
        "-c",
        f"try:\n    exec({code!r})\nexcept Exception:\n    pass\n{PEAK}",
    ]
    run = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    return sum(json.loads(run.stdout)) * 1024 / 1e6


def patients(root: Path, count: int) -> Iterator[Measure]:
    for number in range(count):
        progress(f"patients: writing {number + 1} of {count}")
        write_scan(root / f"BraTS2021_{number:05d}", seed=number, shape=VOLUME)
    started = time.perf_counter()
    data = BratsSource(root, n_sites=1).load("brats-1")
    seconds = time.perf_counter() - started
    note = f"{count} patients of five .nii.gz at full size, 16 slices of 64 px each, checks and start included"
    yield Measure("BraTS patients loaded", data.n_patients / seconds, "patients/s", note=note)
