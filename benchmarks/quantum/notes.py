"""How a row says what it was made with."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

SHORT_DIGEST = 12


def made_with(facts: Mapping[str, Any]) -> str:
    """Backend, shots, seed and noise model, from what a run tells about itself."""
    shots = "exact" if facts.get("shots") is None else f"{facts['shots']:,} shots"
    words = [str(facts["backend"]), shots]
    words += [f"{key.replace('_', ' ')} {facts[key]}" for key in ("seed", "circuit_seed") if facts.get(key) is not None]
    if noise := facts.get("noise"):
        words.append(f"noise {noise['name']} ({noise['sha256'][:SHORT_DIGEST]})")
    return ", ".join(words)
