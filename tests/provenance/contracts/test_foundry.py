"""Foundry's fuzz and invariant tests of the committed bytecode, and proof that they would notice a broken rule."""

import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest

CONTRACTS = Path(__file__).resolve().parents[3] / "provenance" / "contracts"
FORGE = CONTRACTS / "node_modules/@foundry-rs/forge-linux-amd64/bin/forge"
MUTANTS = {
    "the proposer may sign": ("who == d.proposer && d.verdict", "who == address(1) && d.verdict"),
    "a revoked subject returns": ("state != State.None && state != State.Revoked", "state != State.None"),
    "a size may repeat": ("treeSize <= h.treeSize", "treeSize < h.treeSize"),
}


@pytest.fixture
def folder(tmp_path):
    """A copy to work in, because forge leaves caches beside what it compiles."""
    if not FORGE.exists():
        pytest.fail(f"expected forge at {FORGE}, got none; install it with: npm ci --prefix provenance/contracts")
    for name in ("AnchorRegistry.sol", "AnchorRegistry.json", "build.mjs", "foundry.toml", "solc.mjs"):
        shutil.copy(CONTRACTS / name, tmp_path)
    shutil.copytree(CONTRACTS / "test", tmp_path / "test")
    (tmp_path / "node_modules").symlink_to(CONTRACTS / "node_modules")
    return tmp_path


def forge_test(folder, **settings):
    environment = {**os.environ, **settings, "HOME": str(folder)}  # no settings of the user's
    command = [FORGE, "test", "--root", folder, "--json"]
    run = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, timeout=300)
    try:
        suites = json.loads(run.stdout[run.stdout.index("{") :])
    except ValueError:
        pytest.fail(
            f"expected forge's results, got exit status {run.returncode}: {run.stdout[-2000:]}{run.stderr[-2000:]}"
        )
    return {name: result for suite in suites.values() for name, result in suite["test_results"].items()}


def test_fuzz_and_invariant_tests_pass_on_the_committed_bytecode(folder):
    results = forge_test(folder)
    failed = {name: result["reason"] for name, result in results.items() if result["status"] != "Success"}
    assert not failed
    assert sum(name.startswith("invariant_") for name in results) >= 3
    assert sum(name.startswith("testFuzz_") for name in results) >= 13


@pytest.mark.parametrize("fault", MUTANTS)
def test_a_broken_rule_fails_them(folder, fault):
    before, after = MUTANTS[fault]
    source = folder / "AnchorRegistry.sol"
    assert source.read_text().count(before) == 1
    source.write_text(source.read_text().replace(before, after))
    subprocess.run(["node", "build.mjs"], cwd=folder, check=True, capture_output=True, timeout=120)
    results = forge_test(
        folder, FOUNDRY_FUZZ_RUNS="64", FOUNDRY_INVARIANT_RUNS="16", FOUNDRY_INVARIANT_SHRINK_RUN_LIMIT="0"
    )
    failed = [name for name, result in results.items() if result["status"] != "Success"]
    assert any(name.startswith("invariant_") for name in failed), failed
    assert any(name.startswith("test") for name in failed), failed
