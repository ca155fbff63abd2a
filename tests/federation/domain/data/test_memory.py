"""What the largest images that are accepted cost the worker itself, measured as the peak of a fresh process."""

import gzip
import subprocess
import sys
from pathlib import Path

from tests.factories.image_bombs import nifti_header

PROJECT = Path(__file__).resolve().parents[4]
PATIENT = """
from federation.domain.data.brats_layout import Scan
from federation.domain.data.brats_volume import PatientRefused, read_patient
from federation.domain.data.guarded_reader import GuardedReader
folder = Path(sys.argv[1])
scan = Scan(folder, "2021", "p", 0, "unknown")
with GuardedReader("nifti") as reader:
    before = peak()
    try:
        said = len(read_patient(reader, scan, px=64, slices=155, region="whole").x)
    except PatientRefused as error:
        said = error.reason
"""
RADIOGRAPH = """
import numpy as np
from federation.domain.data.image_files import area_mean
from federation.domain.data.mimic_pixels import published_grey
stored = np.arange(8192, dtype=np.uint8).repeat(8192).reshape(8192, 8192)
before = peak()
said = area_mean(published_grey(stored, inverted=True), 32).shape[0]
"""
PEAK = """
import resource, sys
from pathlib import Path
def peak():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
"""


def added(code, *arguments):
    """MiB over those before, and what the code says."""
    # A process takes over the peak of the one that starts it: a shell stands between this test's and the worker's.
    code = f"{PEAK}{code}\nprint(peak() - before, said)"
    command = ["sh", "-c", '"$@"; exit $?', "sh", sys.executable, "-c", code, *map(str, arguments)]
    run = subprocess.run(command, capture_output=True, text=True, cwd=PROJECT, check=True)
    mib, _, said = run.stdout.strip().partition(" ")
    return int(mib), said


def patient(folder, shape):
    """Five packed volumes of bytes behind honest headers: four of a bright half and a dark one, labels of the core."""
    header, half = nifti_header(shape, code=2, bits=8), shape[0] * shape[1] * shape[2] // 2
    for names, dark in ((("t1", "t1ce", "t2", "flair"), b"\x07"), (("seg",), b"\x01")):
        packed = gzip.compress(header + dark * half + (b"\xc8" if dark == b"\x07" else dark) * half, 1)
        for name in names:
            (folder / f"{folder.name}_{name}.nii.gz").write_bytes(packed)
    return folder


def test_a_patient_of_five_bombs_costs_the_worker_little_more_than_five_volumes(tmp_path):
    folder = tmp_path / "BraTS2021_00000"
    folder.mkdir()
    mib, said = added(PATIENT, patient(folder, (512, 512, 512)))
    assert said == "a volume that cannot be read" and mib < 32
    mib, said = added(PATIENT, patient(folder, (512, 512, 288)))
    assert said == "155" and mib < 5 * 72 + 3 * 72


def test_the_largest_radiograph_costs_a_few_times_its_pixels():
    mib, said = added(RADIOGRAPH)
    assert said == "32" and mib < 3 * 64
