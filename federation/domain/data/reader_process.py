"""The reader process: parses DICOM and NIfTI files for a worker, which never does it itself. See `guarded_reader`.

It is given a kind of file (``dicom`` or ``nifti``) on its command line and open files over the socket that is its
standard input, one after the other, each with a byte; it answers in frames (`reader_frames`) on standard output. It
ends when standard input does. From the first file on it can open nothing itself, so all modules are loaded before.
"""

from __future__ import annotations

import array  # noqa: F401 - used within socket.recv_fds
import errno
import os
import socket
import sys
import warnings
from collections.abc import Callable
from typing import Any, BinaryIO

from numpy.typing import NDArray

from federation.domain.data import confinement
from federation.domain.data.reader_frames import IMAGE, IO_FAILED, REFUSED, Answer, pack
from federation.domain.data.reader_limits import LIMITS, CannotRead, ReaderLimits

Read = Callable[[BinaryIO, ReaderLimits], tuple[NDArray[Any], dict[str, Any]]]
# Of a disk or a share that is away: nothing that bytes in a file can bring about.
_AWAY = {errno.EIO, errno.ESTALE, errno.ETIMEDOUT, errno.ENOTCONN, errno.EHOSTDOWN}


def main(kind: str) -> None:
    read, limits = _reader(kind), LIMITS[kind]
    requests, answers = socket.socket(fileno=0), os.fdopen(os.dup(1), "wb", buffering=0)
    os.dup2(2, 1)  # whatever a parser prints must not stand among the answers
    confinement.bound_memory(limits.memory_bytes)
    confined = confinement.give_up_rights()
    _send(answers, Answer(REFUSED, {"confined": confined}))  # "ready"
    while files := socket.recv_fds(requests, 1, 1)[1]:
        confinement.bound_cpu(limits.cpu_seconds)
        with os.fdopen(files[0], "rb") as stream:
            answer = _answer(read, stream, limits)
        _send(answers, answer)


def _reader(kind: str) -> Read:
    """The parser, which has read its samples: what it loads when first used it could not load later."""
    warnings.simplefilter("ignore")
    read: Read
    if kind == "nifti":
        from federation.domain.data.nifti_bytes import read_nifti as read
        from federation.domain.data.nifti_bytes import samples
    else:
        from federation.domain.data.dicom_bytes import read_dicom as read
        from federation.domain.data.dicom_bytes import samples
    for stream in samples():
        _answer(read, stream, LIMITS[kind])
    return read


def _answer(read: Read, stream: BinaryIO, limits: ReaderLimits) -> Answer:
    try:
        image, facts = read(stream, limits)
        return Answer(IMAGE, facts, image)
    except CannotRead as error:
        return Answer(REFUSED, error.facts)
    except MemoryError:
        got, remedy = "more memory needed than that", "Copy the file again from the original set."
        return Answer(REFUSED, CannotRead(f"a file read within {limits.memory_bytes} bytes", got, remedy).facts)
    except Exception as error:  # noqa: BLE001 - damaged bytes raise anything in a parser
        if isinstance(error, OSError) and error.errno in _AWAY:
            sys.exit(IO_FAILED)
        got, remedy = f"damaged bytes ({type(error).__name__})", "Copy the file again from the original set."
        return Answer(REFUSED, CannotRead("a whole image", got, remedy).facts)


def _send(answers: BinaryIO, answer: Answer) -> None:
    for part in pack(answer):
        view = memoryview(part)
        while view:
            view = view[answers.write(view) :]


if __name__ == "__main__":
    main(sys.argv[1])
