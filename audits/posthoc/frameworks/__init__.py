"""The frameworks that come with the platform, one file each. Pure: the report's rendering reads them too."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from audits.domain.controls.frameworks import Framework, load_folder
from audits.domain.controls.names import EVIDENCE


@cache
def shipped() -> tuple[Framework, ...]:
    """All of them, by file name."""
    return load_folder(Path(__file__).parent, EVIDENCE)
