"""DICOM and NIfTI files, opened by a process that can lose nothing but itself.

The parsers of these formats trust their files: one of 1 MB can take 2 GB, or an hour. So a site's worker never runs
them. It starts one reader process without sockets, with bounds on memory, time and size (`reader_limits`), sends it one
path after the other and gets plain arrays back (`reader_frames`). A reader that dies or falls silent is replaced, and
the file it had in hand is refused.
"""

from __future__ import annotations

import contextlib
import fcntl
import logging
import os
import selectors
import struct
import subprocess
import sys
import time
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Literal

from numpy.typing import NDArray

from federation.domain.data.dataset import DataError
from federation.domain.data.reader_frames import REFUSED, Answer, BadFrame, plain, unpack
from federation.domain.data.reader_limits import LIMITS

logger = logging.getLogger(__name__)
_PROJECT = Path(__file__).resolve().parents[3]
_START_SECONDS, _PIPE_BYTES = 60, 2**20
_REMEDY = "Copy the file again from the original set; if it is as published, leave the patient out."


class _ReaderGone(Exception):
    """The process ended, fell silent or answered nonsense while it had a file in hand."""


class GuardedReader:
    """Reads many files in one confined process; use it in a ``with`` block.

    Parameters
    ----------
    kind : "dicom" or "nifti"
    """

    def __init__(self, kind: Literal["dicom", "nifti"]) -> None:
        self.kind, self.limits = kind, LIMITS[kind]
        self.confined = False  # whether the process has no sockets either; told when it starts
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> GuardedReader:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """End the process."""
        if self._process is not None:
            self._process.kill()
            self._process.communicate()
            self._process = None

    def read(self, path: Path) -> tuple[NDArray[Any], dict[str, Any]]:
        """One image and its facts: what `dicom_bytes.read_dicom` or `nifti_bytes.read_nifti` returns.

        Raises
        ------
        DataError
            If the file is absent, damaged, too large, not of this kind, or was too much for the reader.
        """
        self._check_size(path)
        try:
            answer = self._ask(path)
        except (_ReaderGone, BadFrame, OSError) as error:
            self.close()
            expected = f"a {self.kind.upper()} file that can be read within its limits"
            raise DataError(str(path), expected=expected, got=plain(error), remedy=_REMEDY) from error
        if answer.image is None:
            facts = answer.facts
            expected, got, remedy = (facts.get(name, "?") for name in ("expected", "got", "remedy"))
            raise DataError(str(path), expected=expected, got=got, remedy=remedy)
        return answer.image, answer.facts

    def _check_size(self, path: Path) -> None:
        expected = f"a file of 1 to {self.limits.file_bytes} bytes"
        try:
            size, regular = path.stat().st_size, path.is_file()
        except OSError as error:
            got, remedy = error.strerror or type(error).__name__, "Put the file where the set has it."
            raise DataError(str(path), expected=expected, got=got, remedy=remedy) from error
        if not regular or not 1 <= size <= self.limits.file_bytes:
            got = f"{size} bytes" if regular else "something that is no file"
            raise DataError(str(path), expected=expected, got=got, remedy=_REMEDY)

    def _ask(self, path: Path) -> Answer:
        process = self._process or self._start()
        name = os.fsencode(path.resolve())
        assert process.stdin is not None
        process.stdin.write(struct.pack("<I", len(name)) + name)
        process.stdin.flush()
        return self._receive(process, self.limits.wall_seconds)

    def _start(self) -> subprocess.Popen[bytes]:
        """No variable of the worker's environment is handed on: there are addresses and keys among them."""
        process = self._process = subprocess.Popen(
            [sys.executable, "-m", "federation.domain.data.reader_process", self.kind],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            cwd="/",
            env={"PYTHONPATH": str(_PROJECT), "PATH": os.defpath, "LANG": "C.UTF-8", "OPENBLAS_NUM_THREADS": "1"},
        )
        _widen(process.stdout)
        ready = self._receive(process, _START_SECONDS)
        if ready.status != REFUSED or "confined" not in ready.facts:
            raise BadFrame("no greeting")
        self.confined = ready.facts["confined"] == "True"
        if not self.confined:
            logger.warning("the reader of %s files keeps its sockets: this system has no filter for them", self.kind)
        return process

    def _receive(self, process: subprocess.Popen[bytes], seconds: float) -> Answer:
        """One answer, within `seconds` for all of it."""
        deadline = time.monotonic() + seconds
        assert process.stdout is not None
        pipe = process.stdout.fileno()
        with selectors.DefaultSelector() as selector:
            selector.register(pipe, selectors.EVENT_READ)

            def receive(count: int) -> bytearray:
                found = bytearray(count)
                view = memoryview(found)
                while view:
                    if not selector.select(max(0.0, deadline - time.monotonic())):
                        raise _ReaderGone(f"no answer within {seconds:g} seconds")
                    n = os.readv(pipe, [view])
                    if n == 0:
                        raise _ReaderGone(f"a reader that ended ({_ending(process)})")
                    view = view[n:]
                return found

            return unpack(receive, most_bytes=self.limits.image_bytes)


def _widen(pipe: IO[bytes] | None) -> None:
    """Let a pipe hold more at a time, where the system can: an image is millions of bytes, a pipe thousands."""
    if pipe is not None and (request := getattr(fcntl, "F_SETPIPE_SZ", None)):
        with contextlib.suppress(OSError):  # a limit of the system for this user
            fcntl.fcntl(pipe, request, _PIPE_BYTES)


def _ending(process: subprocess.Popen[bytes]) -> str:
    try:
        code = process.wait(timeout=5)
    except subprocess.TimeoutExpired:
        return "still running"
    return f"signal {-code}" if code < 0 else f"status {code}"
