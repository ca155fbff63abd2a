"""DICOM and NIfTI files, parsed by a process that can lose nothing but itself.

The parsers of these formats trust their files: one of 1 MB can take 2 GB, or an hour. So a site's worker never runs
them. It starts one reader process with bounds on memory, time and size (`reader_limits`) that can open nothing
(`confinement`), hands it one open file after the other and gets plain arrays back (`reader_frames`). A reader that dies
is replaced, and the file it had in hand is refused. One that falls silent or is killed from outside says nothing of the
file, which is tried once more; then the load stops.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import logging
import math
import os
import selectors
import signal
import socket
import stat
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Literal

from numpy.typing import NDArray

from federation.domain.data.dataset import DataError, ReaderUnavailable
from federation.domain.data.reader_frames import IO_FAILED, REFUSED, Answer, BadFrame, plain, unpack
from federation.domain.data.reader_limits import LIMITS

logger = logging.getLogger(__name__)
_PROJECT = Path(__file__).resolve().parents[3]
_START_SECONDS, _PIPE_BYTES, _TRIES = 60, 2**20, 2
_REMEDY = "Copy the file again from the original set; if it is as published, leave the patient out."
_PUT = "Put the file where the set has it, readable."
# What a file's name and rights are at fault for; any other error of opening is the machine's.
_OF_THE_FILE = {errno.ENOENT, errno.EACCES, errno.EPERM, errno.ENOTDIR, errno.ELOOP, errno.ENAMETOOLONG}


class UnreadableFile(DataError):
    """A file that the reader refused. Its words may be the file's own, so none of them is for others than the site."""

    def __init__(self, path: Path, kind: str, *, expected: str, got: str, remedy: str) -> None:
        self.kind = kind
        super().__init__(str(path), expected=expected, got=got, remedy=remedy)

    @property
    def public(self) -> str:
        return f"expected a {self.kind.upper()} file that can be read within its limits. {_REMEDY}"


class _ReaderGone(Exception):
    """The process ended while it had a file in hand."""


class _Stalled(Exception):
    """The process fell silent, was killed from outside, or could not get at the file's bytes."""


class GuardedReader:
    """Reads many files in one confined process; use it in a ``with`` block.

    Parameters
    ----------
    kind : "dicom" or "nifti"
    """

    def __init__(self, kind: Literal["dicom", "nifti"]) -> None:
        self.kind, self.limits = kind, LIMITS[kind]
        self.confined = False  # whether the process can open nothing; told when it starts
        self._process: subprocess.Popen[bytes] | None = None
        self._line: socket.socket | None = None

    def __enter__(self) -> GuardedReader:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """End the process."""
        if self._line is not None:
            self._line.close()
            self._line = None
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
        ReaderUnavailable
            If the reader does not start, or twice did not answer: that is no fault of the file.
        """
        stalled: Exception | None = None
        for _ in range(_TRIES):
            try:
                with self._opened(path) as file:
                    answer = self._ask(path, file)
                break
            except _Stalled as error:
                self.close()
                stalled = error
            except (_ReaderGone, BadFrame) as error:
                self.close()
                expected = f"a {self.kind.upper()} file that can be read within its limits"
                raise UnreadableFile(path, self.kind, expected=expected, got=plain(error), remedy=_REMEDY) from error
        else:
            raise ReaderUnavailable(str(path), f"{stalled}, {_TRIES} times") from stalled
        if answer.image is None:
            expected, got, remedy = (answer.facts.get(name, "?") for name in ("expected", "got", "remedy"))
            raise UnreadableFile(path, self.kind, expected=expected, got=got, remedy=remedy)
        return answer.image, answer.facts

    @contextlib.contextmanager
    def _opened(self, path: Path) -> Iterator[int]:
        """A descriptor of the file, if it is one and of a fitting size; nothing else is opened, as that may block."""
        expected = f"a file of 1 to {self.limits.file_bytes} bytes"
        file = None
        try:
            if path.is_file():
                file = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
            found = path.stat() if file is None else os.fstat(file)
            if file is None or not stat.S_ISREG(found.st_mode) or not 1 <= found.st_size <= self.limits.file_bytes:
                got = f"{found.st_size} bytes" if stat.S_ISREG(found.st_mode) else "something that is no file"
                raise DataError(str(path), expected=expected, got=got, remedy=_REMEDY)
            yield file
        except OSError as error:
            got = error.strerror or type(error).__name__
            if error.errno not in _OF_THE_FILE:
                raise ReaderUnavailable(str(path), got) from error
            raise DataError(str(path), expected=expected, got=got, remedy=_PUT) from error
        finally:
            if file is not None:
                os.close(file)

    def _ask(self, path: Path, file: int) -> Answer:
        if self._process is None:
            try:
                self._start()
            except (OSError, _ReaderGone, _Stalled, BadFrame) as error:
                self.close()
                raise ReaderUnavailable(str(path), f"a reader that did not start ({plain(error)})") from error
        assert self._process is not None
        assert self._line is not None
        # One that has ended is found out when its answer is read.
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            socket.send_fds(self._line, [b"f"], [file])
        answer = self._receive(self._process, self.limits.wall_seconds)
        if answer.image is not None:
            _check_image(self.kind, answer)
        return answer

    def _start(self) -> None:
        """No variable of the worker's environment is handed on: there are addresses and keys among them."""
        self._line, other = socket.socketpair()
        with other:
            self._process = subprocess.Popen(
                self._command(),
                stdin=other.fileno(),
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                cwd="/",
                env={"PYTHONPATH": str(_PROJECT), "PATH": os.defpath, "LANG": "C.UTF-8", "OPENBLAS_NUM_THREADS": "1"},
            )
        _widen(self._process.stdout)
        ready = self._receive(self._process, _START_SECONDS)
        if ready.status != REFUSED or "confined" not in ready.facts:
            raise BadFrame("no greeting")
        self.confined = ready.facts["confined"] == "True"
        if not self.confined:
            logger.warning("the reader of %s files can open files and sockets: this system has no filter", self.kind)

    def _command(self) -> list[str]:
        return [sys.executable, "-m", "federation.domain.data.reader_process", self.kind]

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
                    left = deadline - time.monotonic()
                    if left <= 0 or not selector.select(left):
                        raise _Stalled(f"no whole answer within {seconds:g} seconds")
                    n = os.readv(pipe, [view])
                    if n == 0:
                        raise _ending(process)
                    view = view[n:]
                return found

            return unpack(receive, most_bytes=self.limits.image_bytes)


def _check_image(kind: str, answer: Answer) -> None:
    """Raise BadFrame unless an image is of the dimensions and has the facts that its kind has."""
    assert answer.image is not None
    ndim, facts = answer.image.ndim, answer.facts
    if kind == "dicom":
        right = ndim == 2 and isinstance(facts.get("inverted"), bool)
    else:
        affine = facts.get("affine")
        numbers = isinstance(affine, list) and all(type(value) is float and math.isfinite(value) for value in affine)
        right = ndim == 3 and numbers and len(affine or ()) == 16
    if not right:
        raise BadFrame(f"an image of {ndim} dimensions with the facts {', '.join(facts) or 'none'}")


def _widen(pipe: IO[bytes] | None) -> None:
    """Let a pipe hold more at a time, where the system can: an image is millions of bytes, a pipe thousands."""
    if pipe is not None and (request := getattr(fcntl, "F_SETPIPE_SZ", None)):
        with contextlib.suppress(OSError):  # a limit of the system for this user
            fcntl.fcntl(pipe, request, _PIPE_BYTES)


def _ending(process: subprocess.Popen[bytes]) -> Exception:
    """What to raise for a process that has closed its end: SIGKILL comes from outside, where memory is short."""
    try:
        code = process.wait(timeout=5)
    except subprocess.TimeoutExpired:
        return _ReaderGone("a reader that ended (still running)")
    words = f"a reader that ended ({f'signal {-code}' if code < 0 else f'status {code}'})"
    return _Stalled(words) if code in (-signal.SIGKILL, IO_FAILED) else _ReaderGone(words)
