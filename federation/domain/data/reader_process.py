"""The reader process: opens DICOM and NIfTI files for a worker, which never opens them itself. See `guarded_reader`.

It is given a kind of file (``dicom`` or ``nifti``) on its command line and paths on standard input, one after the
other, each after its length in four bytes; it answers in frames (`reader_frames`) on standard output. It ends when
standard input does.
"""

from __future__ import annotations

import os
import struct
import sys
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any, BinaryIO

from numpy.typing import NDArray

from federation.domain.data import confinement
from federation.domain.data.reader_frames import IMAGE, REFUSED, Answer, pack
from federation.domain.data.reader_limits import LIMITS, CannotRead, ReaderLimits

Read = Callable[[Path, ReaderLimits], tuple[NDArray[Any], dict[str, Any]]]
_LENGTH = struct.Struct("<I")


def main(kind: str) -> None:
    read, limits = _reader(kind), LIMITS[kind]
    requests, answers = sys.stdin.buffer, os.fdopen(os.dup(1), "wb", buffering=0)
    os.dup2(2, 1)  # whatever a parser prints must not stand among the answers
    warnings.simplefilter("ignore")
    confined = confinement.give_up_rights()
    confinement.bound_memory(limits.memory_bytes)
    _send(answers, Answer(REFUSED, {"confined": confined}))  # "ready"
    while (head := requests.read(_LENGTH.size)) and len(head) == _LENGTH.size:
        path = Path(os.fsdecode(requests.read(_LENGTH.unpack(head)[0])))
        confinement.bound_cpu(limits.cpu_seconds)
        _send(answers, _answer(read, path, limits))


def _reader(kind: str) -> Read:
    """The parsers are large: only the one that is needed is loaded, before the limits hold."""
    if kind == "nifti":
        from federation.domain.data.nifti_bytes import read_nifti

        return read_nifti
    from federation.domain.data.dicom_bytes import read_dicom

    return read_dicom


def _answer(read: Read, path: Path, limits: ReaderLimits) -> Answer:
    try:
        image, facts = read(path, limits)
        return Answer(IMAGE, facts, image)
    except CannotRead as error:
        return Answer(REFUSED, error.facts)
    except MemoryError:
        got, remedy = "more memory needed than that", "Copy the file again from the original set."
        return Answer(REFUSED, CannotRead(f"a file read within {limits.memory_bytes} bytes", got, remedy).facts)
    except OSError as error:
        got, remedy = error.strerror or type(error).__name__, "Put the file where the set has it, readable."
        return Answer(REFUSED, CannotRead("a readable file", got, remedy).facts)
    except Exception as error:  # noqa: BLE001 - damaged bytes raise anything in a parser
        got, remedy = f"damaged bytes ({type(error).__name__})", "Copy the file again from the original set."
        return Answer(REFUSED, CannotRead("a whole image", got, remedy).facts)


def _send(answers: BinaryIO, answer: Answer) -> None:
    for part in pack(answer):
        view = memoryview(part)
        while view:
            view = view[answers.write(view) :]


if __name__ == "__main__":
    main(sys.argv[1])
