"""The verifier stands alone: the standard library, cryptography, and nothing of the platform's."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from provenance.domain.bundle import write_bundle
from provenance.verifier.package import build, main

ROOT = Path(__file__).parents[3]
ALONE = """
import importlib, pkgutil, sys

class Nothing:
    def find_spec(self, name, path=None, target=None):
        top = name.partition(".")[0]
        if top not in sys.stdlib_module_names | {"provenance", "cryptography", "cffi", "_cffi_backend", "pycparser"}:
            raise ImportError(f"{name} is not here")

sys.meta_path.insert(0, Nothing())
sys.path.insert(0, ROOT)
import provenance.verifier, provenance.domain
for package in (provenance.verifier, provenance.domain):
    for found in pkgutil.iter_modules(package.__path__):
        importlib.import_module(f"{package.__name__}.{found.name}")
print(sorted(name for name in sys.modules if name.startswith("provenance.") and name.count(".") == 1))
"""


@pytest.fixture(scope="module")
def pyz(tmp_path_factory):
    path = tmp_path_factory.mktemp("alone") / "verifier.pyz"
    path.write_bytes(build())
    return path


def python(*arguments: str, cwd: Path) -> subprocess.CompletedProcess:
    return subprocess.run([sys.executable, "-I", *arguments], capture_output=True, text=True, cwd=cwd, timeout=60)


def test_nothing_but_cryptography_is_imported(tmp_path):
    done = python("-c", f"ROOT = {str(ROOT)!r}\n{ALONE}", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == "['provenance.domain', 'provenance.verifier']"


def test_a_stranger_checks_a_bundle_with_one_file(pyz, log, tmp_path):
    (tmp_path / "b.zip").write_bytes(write_bundle(log.bundle()))
    done = python(str(pyz), "b.zip", "--key", log.vkeys[0], "--key", log.vkeys[1], cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("VERIFIED. Everything that was asked")


def test_a_stranger_checks_a_long_log_with_several_processes(pyz, made, tmp_path):
    folder = made.MadeLog().fill(600).export(tmp_path / "log")
    done = python(str(pyz), str(folder), "--processes", "2", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "All 600 entries are here" in done.stdout


def test_one_changed_byte_gives_exit_1_or_2_and_no_traceback(pyz, log, tmp_path):
    data = bytearray(write_bundle(log.bundle()))
    data[len(data) // 2] ^= 1
    (tmp_path / "b.zip").write_bytes(data)
    done = python(str(pyz), "b.zip", cwd=tmp_path)
    assert done.returncode in (1, 2)
    assert "Traceback" not in done.stdout + done.stderr


def test_the_file_is_the_same_whoever_builds_it(pyz, tmp_path, capsys):
    assert main(["-o", str(tmp_path / "again.pyz")]) == 0
    assert (tmp_path / "again.pyz").read_bytes() == pyz.read_bytes()
    assert "sha256" in capsys.readouterr().out


def test_the_module_runs_as_a_program(log, tmp_path):
    (tmp_path / "b.zip").write_bytes(write_bundle(log.bundle()))
    done = subprocess.run(
        [sys.executable, "-m", "provenance.verifier", str(tmp_path / "b.zip"), "--json"],
        capture_output=True, text=True, cwd=ROOT, timeout=60,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert '"verdict": "verified"' in done.stdout


@pytest.mark.parametrize("arguments", [[], ["--nonsense"], ["missing.zip"], ["missing.zip", "--quorum", "1"],
                                       ["missing.zip", "--keys", "missing.txt"], ["missing.zip", "--rpc", "ftp://x"],
                                       ["missing.zip", "--contract", "0x12"]])  # fmt: skip
def test_wrong_usage_is_exit_2(pyz, tmp_path, arguments):
    done = python(str(pyz), *arguments, cwd=tmp_path)
    assert done.returncode == 2
    assert "Traceback" not in done.stderr
