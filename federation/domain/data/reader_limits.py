"""What a file may cost the reader process, and how it says that it will not read one."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class ReaderLimits:
    """Bounds on one file; a larger one is refused, not cut.

    Attributes
    ----------
    file_bytes : int
        As stored.
    image_bytes : int
        Of the decoded image.
    side : int
        Pixels or voxels a side, as the header claims.
    memory_bytes : int
        Address space of the reader beyond what it has when it starts.
    cpu_seconds, wall_seconds : int
        For one file.
    """

    file_bytes: int
    image_bytes: int
    side: int
    memory_bytes: int
    cpu_seconds: int = 20
    wall_seconds: int = 60


_MIB = 2**20
# A BraTS volume (240 x 240 x 155) takes 18 MB as int16 and 68 MiB as float64, and a worker holds five of them; a
# radiograph of 4300 px a side takes 37 MB.
LIMITS = {
    "nifti": ReaderLimits(file_bytes=72 * _MIB, image_bytes=72 * _MIB, side=512, memory_bytes=320 * _MIB),
    "dicom": ReaderLimits(file_bytes=96 * _MIB, image_bytes=64 * _MIB, side=8192, memory_bytes=320 * _MIB),
}


class CannotRead(Exception):
    """A file that is not read, with what was expected, what came and what to do."""

    def __init__(self, expected: str, got: str, remedy: str) -> None:
        self.facts = {"expected": expected, "got": got, "remedy": remedy}
        super().__init__(f"expected {expected}, got {got}. {remedy}")
