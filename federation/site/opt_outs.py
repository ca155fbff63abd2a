"""Patients who do not want their data used. The list lies in the site's folder and never leaves it.

What was stated of the data before stays checkable: with each manifest the site keeps who was left out of it.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path

from federation.domain.cells import MIN_TOLD
from provenance.witness.state import write_whole


class OptOuts:
    """The list and its past, in the site's folder.

    opt-outs.json                 patient -> since when
    opt-outs-stated/<digest>.json who was left out of the manifest of that digest
    """

    def __init__(self, folder: Path) -> None:
        self._file, self._stated = folder / "opt-outs.json", folder / "opt-outs-stated"

    def entries(self) -> dict[str, str]:
        return json.loads(self._file.read_text()) if self._file.exists() else {}

    def ids(self) -> frozenset[str]:
        return frozenset(self.entries())

    def add(self, patients: Iterable[str], *, at: str) -> list[str]:
        """Enter patients; returns those that were not on the list."""
        before = self.entries()
        new = [patient for patient in dict.fromkeys(patients) if patient not in before]
        self._write(before | dict.fromkeys(new, at))
        return new

    def remove(self, patients: Iterable[str]) -> list[str]:
        """Strike patients who want to take part again; returns those that were on the list."""
        before, struck = self.entries(), set(patients)
        self._write({patient: at for patient, at in before.items() if patient not in struck})
        return sorted(struck & set(before))

    def keep_stated(self, digest: str, left_out: frozenset[str]) -> None:
        """Keep who was left out of a manifest before it is told to anybody."""
        if left_out:
            self._stated.mkdir(exist_ok=True)
            write_whole(self._stated / f"{digest}.json", json.dumps(sorted(left_out)).encode())

    def as_stated(self, digest: str) -> frozenset[str]:
        """Who was left out of the manifest of that digest."""
        if not (isinstance(digest, str) and digest.isalnum()):  # it names a file
            return frozenset()
        path = self._stated / f"{digest}.json"
        return frozenset(json.loads(path.read_text())) if path.exists() else frozenset()

    def _write(self, entries: dict[str, str]) -> None:
        write_whole(self._file, json.dumps(entries, indent=1, sort_keys=True, ensure_ascii=False).encode())


def told(count: int) -> int | str:
    """How a number of patients leaves the site."""
    return count if count >= MIN_TOLD else f"fewer than {MIN_TOLD}"
