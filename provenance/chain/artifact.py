"""The compiled contract, as committed. Rebuilt byte for byte by a test, never at run time."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

ARTIFACT_PATH = Path(__file__).resolve().parent.parent / "contracts" / "AnchorRegistry.json"


@dataclass(frozen=True)
class Artifact:
    """What the compiler made of AnchorRegistry.sol."""

    abi: list[dict[str, Any]]
    bytecode: bytes  # creation code
    deployed_bytecode: bytes  # code at the contract's address; it has no immutables, so it is the same everywhere
    compiler: str
    source_sha256: str


@cache
def load_artifact() -> Artifact:
    """Read the committed artifact."""
    raw = json.loads(ARTIFACT_PATH.read_text())
    return Artifact(
        abi=raw["abi"],
        bytecode=bytes.fromhex(raw["bytecode"][2:]),
        deployed_bytecode=bytes.fromhex(raw["deployedBytecode"][2:]),
        compiler=raw["compiler"],
        source_sha256=raw["sourceSha256"],
    )
