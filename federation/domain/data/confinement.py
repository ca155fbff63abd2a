"""What a process gives up before it opens bytes that somebody else wrote. For the reader process, never for a worker.

Limits of the kernel bound its memory, its processor time and the files that it may write (none). On Linux a filter on
system calls (seccomp) also takes away sockets, new programs and processes, and other processes' memory. Files can still
be *read* with the rights of the worker: that a file may not be read is for the operating system to say.

References
----------
.. [1] https://docs.kernel.org/userspace-api/seccomp_filter.html
"""

from __future__ import annotations

import ctypes
import platform
import resource
import struct
import sys

# By machine: what the kernel calls the architecture, the first number that is no call of it, and the calls refused.
_REFUSED = {
    "x86_64": {
        "socket": 41, "socketpair": 53, "clone": 56, "fork": 57, "vfork": 58, "execve": 59, "kill": 62, "ptrace": 101,
        "tkill": 200, "process_vm_readv": 310, "process_vm_writev": 311, "execveat": 322, "io_uring_setup": 425,
        "clone3": 435,
    },
    "aarch64": {
        "ptrace": 117, "kill": 129, "tkill": 130, "socket": 198, "socketpair": 199, "clone": 220, "execve": 221,
        "process_vm_readv": 270, "process_vm_writev": 271, "execveat": 281, "io_uring_setup": 425, "clone3": 435,
    },
}  # fmt: skip
_AUDIT_ARCH = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}
_OTHER_ABI = 0x40000000  # x86-64 takes the same calls a second time from this number on (x32)
_LOAD, _JUMP_IF_EQUAL, _JUMP_IF_AT_LEAST, _RETURN = 0x20, 0x15, 0x35, 0x06
_ALLOW, _REFUSE, _KILL = 0x7FFF0000, 0x00050001, 0x80000000  # refused with EPERM
_PR_SET_NO_NEW_PRIVS, _PR_SET_SECCOMP, _FILTER_MODE = 38, 22, 2


def bound_memory(extra_bytes: int) -> None:
    """Let the process map `extra_bytes` more than it has now; beyond, Python raises MemoryError."""
    limit = _mapped_bytes() + extra_bytes
    resource.setrlimit(resource.RLIMIT_AS, (limit, limit))


def bound_cpu(seconds: int) -> None:
    """Let the process compute `seconds` more, at most, before the kernel ends it. May be called again."""
    usage = resource.getrusage(resource.RUSAGE_SELF)
    _, hard = resource.getrlimit(resource.RLIMIT_CPU)
    resource.setrlimit(resource.RLIMIT_CPU, (int(usage.ru_utime + usage.ru_stime) + 1 + seconds, hard))


def give_up_rights() -> bool:
    """No file is written from now on, no core left; True if sockets, programs and processes are refused too."""
    for limit in (resource.RLIMIT_FSIZE, resource.RLIMIT_CORE):
        resource.setrlimit(limit, (0, 0))
    machine = platform.machine()
    if sys.platform != "linux" or machine not in _REFUSED:
        return False
    program = _program(_AUDIT_ARCH[machine], sorted(_REFUSED[machine].values()))
    code = ctypes.create_string_buffer(program, len(program))
    head = struct.pack("HxxxxxxP", len(program) // 8, ctypes.addressof(code))
    libc = ctypes.CDLL(None, use_errno=True)
    zero = ctypes.c_ulong(0)
    if libc.prctl(_PR_SET_NO_NEW_PRIVS, ctypes.c_ulong(1), zero, zero, zero) != 0:
        return False
    return libc.prctl(_PR_SET_SECCOMP, ctypes.c_ulong(_FILTER_MODE), ctypes.create_string_buffer(head), zero, zero) == 0


def _program(arch: int, refused: list[int]) -> bytes:
    """The filter: another architecture ends the process, a refused call fails, any other is allowed."""
    n = len(refused)
    steps = [
        (_LOAD, 0, 0, 4),  # seccomp_data.arch
        (_JUMP_IF_EQUAL, 1, 0, arch),
        (_RETURN, 0, 0, _KILL),
        (_LOAD, 0, 0, 0),  # seccomp_data.nr
        (_JUMP_IF_AT_LEAST, n + 1, 0, _OTHER_ABI),
        *((_JUMP_IF_EQUAL, n - i, 0, number) for i, number in enumerate(refused)),
        (_RETURN, 0, 0, _ALLOW),
        (_RETURN, 0, 0, _REFUSE),
    ]
    return b"".join(struct.pack("HBBI", *step) for step in steps)


def _mapped_bytes() -> int:
    """The address space in use; where the kernel does not tell, what the limits were measured with."""
    try:
        with open("/proc/self/statm") as statm:
            return int(statm.read().split()[0]) * resource.getpagesize()
    except OSError:
        return 512 * 2**20
