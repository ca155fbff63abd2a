"""Slither finds nothing in the contract that is not explained in slither-triage.json, and would find a fault."""

import json
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
CONTRACTS = ROOT / "provenance" / "contracts"
SLITHER = ROOT / ".venv-slither/bin/slither"
TRIAGE = json.loads((CONTRACTS / "slither-triage.json").read_text())
HOLE = """
    function sweep(address payable to) external {
        selfdestruct(to);
    }
"""


def findings(folder):
    """Detector and place of each finding; `folder` lies outside the Foundry project, which slither would build."""
    if not SLITHER.exists():
        pytest.fail(f"expected slither at {SLITHER}, got none; install it with: make contracts")
    if shutil.which("node") is None:
        pytest.fail("expected Node.js 20 or newer on PATH, got none; install it")
    command = [SLITHER, "AnchorRegistry.sol", "--solc", CONTRACTS / "solc.mjs", "--json", "-"]
    run = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=120)
    try:
        report = json.loads(run.stdout)
    except ValueError:
        pytest.fail(f"expected slither's report, got: {run.stdout[-1000:]}{run.stderr[-2000:]}")
    assert report["success"], report["error"]
    return {(found["check"], place(found)) for found in report["results"].get("detectors", [])}


def place(found):
    element = found["elements"][0]
    return element.get("type_specific_fields", {}).get("signature") or element["name"]


def test_every_finding_is_explained_and_every_explanation_has_its_finding(tmp_path):
    shutil.copy(CONTRACTS / "AnchorRegistry.sol", tmp_path)
    assert all(len(entry["why"]) > 40 for entry in TRIAGE)
    assert findings(tmp_path) == {(entry["check"], entry["where"]) for entry in TRIAGE}


def test_a_hole_would_be_found(tmp_path):
    source = (CONTRACTS / "AnchorRegistry.sol").read_text()
    end = source.rindex("}")
    (tmp_path / "AnchorRegistry.sol").write_text(source[:end] + HOLE + source[end:])
    assert ("suicidal", "sweep(address)") in findings(tmp_path)
