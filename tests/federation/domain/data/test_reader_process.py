"""The process that parses: what it can reach (nothing), and what becomes of a file when it dies, lies or is held up."""

import errno
import itertools
import json
import os
import platform
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from federation.domain.data import guarded_reader, reader_process
from federation.domain.data.dataset import DataError, ReaderUnavailable
from federation.domain.data.guarded_reader import GuardedReader
from federation.domain.data.reader_frames import HEADER, IO_FAILED, REFUSED, Answer, pack
from federation.domain.data.reader_limits import LIMITS
from tests.factories.image_bombs import write_nifti

PROJECT = Path(__file__).resolve().parents[4]
RAW_CALLS = {  # number and arguments on x86-64; {parent} and {file} are filled in
    "tgkill": (234, "{parent}, {parent}, 0"),
    "rt_sigqueueinfo": (129, "{parent}, 0, 0"),
    "rt_tgsigqueueinfo": (297, "{parent}, {parent}, 0, 0"),
    "pidfd_getfd": (438, "{file}, 0, 0"),
    "pidfd_send_signal": (424, "{file}, 0, 0, 0"),
    "ptrace": (101, "16, {parent}, 0, 0"),
    "process_vm_readv": (310, "{parent}, 0, 0, 0, 0, 0"),
    "process_vm_writev": (311, "{parent}, 0, 0, 0, 0, 0"),
    "openat2": (437, "-100, 0, 0, 0"),
    "creat": (85, "0, 0"),
    "io_uring_setup": (425, "1, 0"),
    "x32 open": (0x40000002, "0, 0"),
}
CALLS = {
    "open to read": "open(path, 'rb')",
    "open to write": "open(path, 'r+b')",
    "create": "os.open(path + '.new', os.O_CREAT | os.O_WRONLY)",
    "truncate": "os.truncate(path, 0)",
    "ftruncate": "os.ftruncate(file, 0)",
    "unlink": "os.unlink(path)",
    "rename": "os.rename(path, path + '.other')",
    "link": "os.link(path, path + '.link')",
    "symlink": "os.symlink(path, path + '.link')",
    "mkdir": "os.mkdir(path + '.folder')",
    "chmod": "os.chmod(path, 0o777)",
    "fchmod": "os.fchmod(file, 0o777)",
    "chown": "os.chown(path, os.getuid(), -1)",
    "stat": "os.stat(path)",
    "list": "os.listdir('/')",
    "environment": "open(f'/proc/{parent}/environ', 'rb')",
    "memory": "open(f'/proc/{parent}/mem', 'r+b')",
    "kill": "os.kill(parent, 0)",
    "pidfd_open": "os.pidfd_open(parent)",
    "limits of others": "resource.prlimit(parent, resource.RLIMIT_CPU)",
    "priority": "os.setpriority(os.PRIO_PROCESS, parent, 5)",
    "owner of a descriptor": "fcntl.fcntl(file, fcntl.F_SETOWN, parent)",
    "socket": "socket.socket()",
    "socketpair": "socket.socketpair()",
    "program": "os.execv('/bin/true', ['true'])",
    "process": "os.fork()",
    "thread": "threading.Thread(target=int).start()",
}


def test_the_reader_opens_writes_and_reaches_nothing(tmp_path):
    if sys.platform != "linux" or platform.machine() != "x86_64":
        pytest.skip("the filter on system calls is Linux's, and the numbers of these are x86-64's")
    path = tmp_path / "held"
    path.write_bytes(b"held")
    code = """
import ctypes, errno, fcntl, json, os, resource, signal, socket, sys, threading
from federation.domain.data import confinement
path, calls, raw = json.loads(sys.argv[1])
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
file, parent, libc, said = os.open(path, os.O_RDWR), os.getppid(), ctypes.CDLL(None, use_errno=True), {}
calls = {name: compile(text, name, "eval") for name, text in calls.items()}
confinement.bound_memory(2**27)
assert confinement.give_up_rights()
for name, call in calls.items():
    try:
        said[name] = f"done: {eval(call)}"
    except RuntimeError as error:
        said[name] = "EPERM" if "start new thread" in str(error) else str(error)
    except OSError as error:
        said[name] = errno.errorcode[error.errno]
for name, (number, arguments) in raw.items():
    result = libc.syscall(number, *(int(one) for one in arguments.format(parent=parent, file=file).split(",")))
    said[name] = errno.errorcode[ctypes.get_errno()] if result == -1 else f"done: {result}"
try:
    bytearray(2**28)
except MemoryError:
    said["much memory"] = "EPERM"
try:
    os.write(file, b"x")
except OSError as error:
    said["write to what was open"] = "EPERM" if error.errno == errno.EFBIG else str(error)
assert os.read(file, 9) == b"held" and os.fstat(file).st_size == 4
confinement.bound_cpu(20)
print(json.dumps(said))
"""
    arguments = json.dumps([str(path), CALLS, RAW_CALLS])
    run = subprocess.run(
        [sys.executable, "-c", code, arguments], capture_output=True, text=True, cwd=PROJECT, check=True
    )
    said = json.loads(run.stdout)
    assert {name: answer for name, answer in said.items() if answer != "EPERM"} == {}
    assert len(said) == len(CALLS) + len(RAW_CALLS) + 2
    assert path.read_bytes() == b"held" and [entry.name for entry in tmp_path.iterdir()] == ["held"]


def test_a_reader_tells_that_it_is_confined_and_is_replaced_when_it_is_killed(tmp_path):
    """Whoever was killed from outside says nothing of the file: it is read by the next reader."""
    path = write_nifti(tmp_path / "v.nii", np.ones((2, 2, 2), np.uint8))
    with GuardedReader("nifti") as reader:
        reader.read(path)
        assert reader.confined == (sys.platform == "linux")
        first = reader._process
        first.kill()
        first.wait()
        assert reader.read(path)[0].sum() == 8 and reader._process.pid != first.pid
        last = reader._process
    assert last.returncode is not None


def stand_in(monkeypatch, code, *, greets=True, seconds=30.0):
    """Another program in the place of the reader: it may greet, waits for a file, and runs `code`."""
    greeting = b"".join(pack(Answer(REFUSED, {"confined": "True"}))) if greets else b""
    code = f"import os, struct, time\nos.write(1, {greeting!r})\nos.read(0, {int(greets)})\n{code}"
    monkeypatch.setattr(GuardedReader, "_command", lambda self: [sys.executable, "-c", code])
    reader = GuardedReader("nifti")
    reader.limits = replace(reader.limits, wall_seconds=seconds)
    return reader


def frame(shape, facts, size=1):
    sides = (*shape, 0, 0, 0)[:3]
    return HEADER.pack(b"QFR1", 0, 0, len(shape), *sides, len(facts), size) + facts + bytes(min(size, 99))


@pytest.mark.parametrize(
    ("code", "says"),
    [
        (b"x" * 36, "an answer with the header"),
        (frame((9, 9), b"{}", 1 << 40), "an image of shape (9, 9)"),
        (frame((1,), b"[]"), "facts that are no JSON object"),
        (frame((1, 1), json.dumps({"affine": [1.0] * 16}).encode()), "an image of 2 dimensions"),
        (frame((1, 1, 1), b"{}"), "with the facts none"),
        (frame((1, 1, 1), json.dumps({"affine": [1.0] * 15}).encode()), "with the facts affine"),
        (frame((1, 1, 1), json.dumps({"affine": [1.0] * 15 + [float("nan")]}).encode()), "with the facts affine"),
        (frame((1, 1, 1), json.dumps({"affine": [1.0] * 15 + [[1.0]]}).encode()), "with the facts affine"),
        ("os.kill(os.getpid(), 11)", "signal 11"),
        ("raise SystemExit(1)", "status 1"),
    ],
)
def test_a_reader_that_was_taken_over_is_not_believed(tmp_path, monkeypatch, code, says):
    """Dead by what it read, or lying about sizes and facts: the file is refused, and in words that are not its own."""
    path = write_nifti(tmp_path / "v.nii", np.ones((2, 2, 2), np.uint8))
    with stand_in(monkeypatch, f"os.write(1, {code!r})" if isinstance(code, bytes) else code) as reader:
        with pytest.raises(DataError) as caught:
            reader.read(path)
        assert says in str(caught.value) and caught.value.file == str(path)


def test_what_the_reader_says_is_for_the_site_alone(tmp_path, monkeypatch):
    path = write_nifti(tmp_path / "v.nii", np.ones((2, 2, 2), np.uint8))
    said = b"".join(pack(Answer(REFUSED, dict.fromkeys(("expected", "got", "remedy"), "p10000032"))))
    with (
        stand_in(monkeypatch, f"os.write(1, {said!r})") as reader,
        pytest.raises(DataError, match="p10000032") as caught,
    ):
        reader.read(path)
    assert "p10000032" not in caught.value.public and str(tmp_path) not in caught.value.public


@pytest.mark.parametrize(
    ("code", "options", "says"),
    [
        ("time.sleep(60)", {"seconds": 0.3}, "no whole answer within 0.3 seconds, 2 times"),
        ("os.kill(os.getpid(), 9)", {}, "signal 9"),
        (f"os._exit({IO_FAILED})", {}, f"status {IO_FAILED}"),
        ("raise SystemExit(1)", {"greets": False}, "did not start .a reader that ended .status 1"),
        ("time.sleep(60)", {"greets": False}, "did not start .no whole answer within 0.3"),
    ],
)
def test_a_reader_that_is_kept_from_its_work_stops_the_load(tmp_path, monkeypatch, code, options, says):
    monkeypatch.setattr(guarded_reader, "_START_SECONDS", 30 if options.get("greets", True) else 0.3)
    path = write_nifti(tmp_path / "v.nii", np.ones((2, 2, 2), np.uint8))
    with stand_in(monkeypatch, code, **options) as reader, pytest.raises(ReaderUnavailable, match=says) as caught:
        reader.read(path)
    assert str(path) in str(caught.value) and str(tmp_path) not in caught.value.public


def test_no_program_and_no_disk_stop_the_load_too(tmp_path, monkeypatch):
    path = write_nifti(tmp_path / "v.nii", np.ones((2, 2, 2), np.uint8))
    with monkeypatch.context() as patched, GuardedReader("nifti") as reader:
        patched.setattr(GuardedReader, "_command", lambda self: [str(tmp_path / "absent")])
        with pytest.raises(ReaderUnavailable, match="did not start"):
            reader.read(path)

    def away(*_):
        raise OSError(errno.EIO, "Input/output error")

    with pytest.raises(SystemExit) as caught:
        reader_process._answer(away, None, LIMITS["nifti"])
    assert caught.value.code == IO_FAILED
    monkeypatch.setattr(os, "open", away)
    with GuardedReader("nifti") as reader, pytest.raises(ReaderUnavailable, match="Input/output error"):
        reader.read(path)


def test_the_clock_counts_also_while_there_is_something_to_read(tmp_path, monkeypatch):
    path = write_nifti(tmp_path / "v.nii", np.ones((2, 2, 2), np.uint8))
    with GuardedReader("nifti") as reader:
        reader.read(path)
        process, (answer, hours) = reader._process, (b"".join(pack(Answer(REFUSED, {}))), itertools.count(0, 3600))
        pipe, end = os.pipe()
        os.write(end, answer)
        monkeypatch.setattr(guarded_reader.time, "monotonic", lambda: next(hours))
        with os.fdopen(pipe, "rb") as stdout, pytest.raises(guarded_reader._Stalled):
            reader._receive(SimpleNamespace(stdout=stdout), 60)
        os.close(end)
        assert process.poll() is None
