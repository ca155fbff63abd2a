"""The committed ABI and bytecode are what the committed source compiles to, byte for byte."""

import hashlib
import json
import shutil
import subprocess
from pathlib import Path

import pytest

CONTRACTS = Path(__file__).resolve().parents[3] / "provenance" / "contracts"
INSTALL = "install the compiler with: npm ci --prefix provenance/contracts"


def test_the_artifact_is_rebuilt_byte_for_byte(tmp_path):
    node = shutil.which("node")
    if node is None:
        pytest.fail(f"expected Node.js 20 or newer on PATH, got none; install it, then {INSTALL}")
    if not (CONTRACTS / "node_modules" / "solc").is_dir():
        pytest.fail(f"expected solc in {CONTRACTS / 'node_modules'}, got none; {INSTALL}")
    built = tmp_path / "AnchorRegistry.json"
    run = subprocess.run([node, "build.mjs", str(built)], cwd=CONTRACTS, capture_output=True, text=True, timeout=120)
    assert run.returncode == 0, run.stderr
    message = "AnchorRegistry.json is stale; rebuild it with: npm run build --prefix provenance/contracts"
    assert built.read_bytes() == (CONTRACTS / "AnchorRegistry.json").read_bytes(), message


def test_the_artifact_names_its_source_and_compiler():
    artifact = json.loads((CONTRACTS / "AnchorRegistry.json").read_text())
    assert artifact["sourceSha256"] == hashlib.sha256((CONTRACTS / "AnchorRegistry.sol").read_bytes()).hexdigest()
    pinned = json.loads((CONTRACTS / "package.json").read_text())["devDependencies"]["solc"]
    assert artifact["compiler"].startswith(pinned + "+")


def test_the_lock_file_pins_by_hash_and_names_no_registry():
    lock = json.loads((CONTRACTS / "package-lock.json").read_text())
    packages = {name: package for name, package in lock["packages"].items() if name}
    assert packages and all(package["integrity"].startswith("sha512-") for package in packages.values())
    assert not any("resolved" in package for package in packages.values())
