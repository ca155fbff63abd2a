"""What a process gives up before it gets bytes that somebody else wrote. For the reader process, never for a worker.

Limits of the kernel bound its memory, its processor time and the files that it may write (none). On Linux a filter on
system calls (seccomp) leaves only those below: enough to read descriptors that it holds or is sent, to compute and to
answer. It then opens no file, for reading or writing, and reaches no socket, process or other limit. One call that is
left, `newfstatat`, still tells whether a path exists, since the filter sees no strings.

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

# By machine: the calls that are allowed. `recvmsg` is how a descriptor comes in; a program cannot send one on.
_ALLOWED = {
    "x86_64": {
        "read": 0, "write": 1, "close": 3, "fstat": 5, "lseek": 8, "mmap": 9, "mprotect": 10, "munmap": 11, "brk": 12,
        "rt_sigaction": 13, "rt_sigprocmask": 14, "rt_sigreturn": 15, "sched_yield": 24, "mremap": 25, "madvise": 28,
        "getpid": 39, "recvmsg": 47, "exit": 60, "getrusage": 98, "gettid": 186, "futex": 202, "clock_gettime": 228,
        "exit_group": 231, "getrandom": 318,
    },
    "aarch64": {
        "close": 57, "lseek": 62, "read": 63, "write": 64, "fstat": 80, "exit": 93, "exit_group": 94, "futex": 98,
        "clock_gettime": 113, "sched_yield": 124, "rt_sigaction": 134, "rt_sigprocmask": 135, "rt_sigreturn": 139,
        "getrusage": 165, "getpid": 172, "gettid": 178, "recvmsg": 212, "brk": 214, "munmap": 215, "mremap": 216,
        "mmap": 222, "mprotect": 226, "madvise": 233, "getrandom": 278,
    },
}  # fmt: skip
# Allowed with one argument alone: number of the call, place of the argument, its value. `newfstatat` of a descriptor
# (AT_EMPTY_PATH), which C libraries call for fstat; `prlimit64` of the process itself.
_ALLOWED_IF = {
    "x86_64": ((262, 3, 0x1000), (302, 0, 0)),
    "aarch64": ((79, 3, 0x1000), (261, 0, 0)),
}
_AUDIT_ARCH = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}
_LOAD, _JUMP_IF_EQUAL, _RETURN = 0x20, 0x15, 0x06
_ALLOW, _REFUSE, _KILL = 0x7FFF0000, 0x00050001, 0x80000000  # refused with EPERM
_PR_SET_DUMPABLE, _PR_SET_SECCOMP, _PR_SET_NO_NEW_PRIVS, _FILTER_MODE = 4, 22, 38, 2


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
    """No file is written from now on, no core left; True if only the calls above are left too.

    What was not imported cannot be imported afterwards; `bound_memory`, which reads a file, comes before.
    """
    for limit in (resource.RLIMIT_FSIZE, resource.RLIMIT_CORE):
        resource.setrlimit(limit, (0, 0))
    machine = platform.machine()
    if sys.platform != "linux" or machine not in _ALLOWED:
        return False
    program = _program(_AUDIT_ARCH[machine], sorted(_ALLOWED[machine].values()), _ALLOWED_IF[machine])
    code = ctypes.create_string_buffer(program, len(program))
    head = struct.pack("HxxxxxxP", len(program) // 8, ctypes.addressof(code))
    libc = ctypes.CDLL(None, use_errno=True)
    zero, one = ctypes.c_ulong(0), ctypes.c_ulong(1)
    # Cores that are piped to a program are not bound by the limit above.
    libc.prctl(_PR_SET_DUMPABLE, zero, zero, zero, zero)
    if libc.prctl(_PR_SET_NO_NEW_PRIVS, one, zero, zero, zero) != 0:
        return False
    return libc.prctl(_PR_SET_SECCOMP, ctypes.c_ulong(_FILTER_MODE), ctypes.create_string_buffer(head), zero, zero) == 0


def _program(arch: int, allowed: list[int], allowed_if: tuple[tuple[int, int, int], ...]) -> bytes:
    """The filter: another architecture ends the process, a call that is not allowed fails."""
    n = len(allowed)
    steps = [
        (_LOAD, 0, 0, 4),  # seccomp_data.arch
        (_JUMP_IF_EQUAL, 1, 0, arch),
        (_RETURN, 0, 0, _KILL),
        (_LOAD, 0, 0, 0),  # seccomp_data.nr
    ]
    for number, place, value in allowed_if:
        steps += [
            (_JUMP_IF_EQUAL, 0, 4, number),
            (_LOAD, 0, 0, 16 + 8 * place),  # the lower half of seccomp_data.args: both arguments are ints
            (_JUMP_IF_EQUAL, 0, 1, value),
            (_RETURN, 0, 0, _ALLOW),
            (_RETURN, 0, 0, _REFUSE),
        ]
    steps += [(_JUMP_IF_EQUAL, n - i, 0, number) for i, number in enumerate(allowed)]
    steps += [(_RETURN, 0, 0, _REFUSE), (_RETURN, 0, 0, _ALLOW)]
    return b"".join(struct.pack("HBBI", *step) for step in steps)


def _mapped_bytes() -> int:
    """The address space in use; where the kernel does not tell, what the limits were measured with."""
    try:
        with open("/proc/self/statm") as statm:
            return int(statm.read().split()[0]) * resource.getpagesize()
    except OSError:
        return 512 * 2**20
