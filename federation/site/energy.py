"""What a piece of work took at the site: CPU seconds as measured, and the watts they are to be multiplied by.

RAPL counts whole processors (packages), whoever uses them; all of them are added up, and none of their parts (cores,
memory), which are in them already. It is used where the system lets every package be read, and was looked at often
enough for its counters to have started again once at most in between; otherwise the operator's declared figure, and
without one there are CPU seconds and no energy.
"""

from __future__ import annotations

import re
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

POWERCAP = Path("/sys/class/powercap")
_PACKAGE = re.compile(r"(intel|amd)-rapl:\d+")  # its parts are called intel-rapl:0:0
MICRO = 1e-6
LOOK_SECONDS = 30.0
MOST_WATTS = 1000.0  # of one package: twice the 500 W that the largest of 2025 (EPYC 9965, Xeon 6980P) are built for


@dataclass
class Meter:
    """Started when it is made; `look` while the work goes on, `read` says what has been used since."""

    watts: float | None = None  # declared by the site's operator: of one busy core
    powercap: Path = POWERCAP
    _cpu: float = field(init=False)
    _looked: float = field(init=False)
    _before: dict[Path, float] = field(init=False)
    _microjoules: float | None = field(init=False, default=0.0)  # up to the last look; None: one of them told nothing

    def __post_init__(self) -> None:
        # Of this thread and of what torch computes for it: a site trains one order at a time, with one thread.
        self._cpu, self._looked = time.process_time(), time.monotonic()
        self._before = _counters(self.powercap)

    def look(self) -> None:
        """Take note of the counters, so that none of them starts again unseen. Reads at most twice a minute."""
        if time.monotonic() - self._looked >= LOOK_SECONDS:
            self._note()

    def read(self) -> dict[str, Any]:
        """CPU seconds; and joules with their source ("rapl" or "declared"), where there is one."""
        self._note()
        cpu = time.process_time() - self._cpu
        found: dict[str, Any] = {"cpu_seconds": round(cpu, 3)}
        if self._microjoules is not None:
            return {**found, "joules": round(self._microjoules * MICRO, 3), "energy_source": "rapl"}
        if self.watts is not None:
            return {**found, "joules": round(cpu * self.watts, 3), "energy_source": "declared", "watts": self.watts}
        return found

    def _note(self) -> None:
        now, at = _counters(self.powercap), time.monotonic()
        used = self._used(now, at - self._looked)
        self._microjoules = None if used is None or self._microjoules is None else self._microjoules + used
        self._before, self._looked = now, at

    def _used(self, now: dict[Path, float], seconds: float) -> float | None:
        if not now or set(now) != set(self._before):
            return None
        most = MOST_WATTS * seconds / MICRO
        total = 0.0
        for package, counter in now.items():
            whole = _number(package / "max_energy_range_uj")
            if not whole:
                return None
            used = (counter - self._before[package]) % whole  # it starts again at its range
            if used + whole <= most:  # it may have done so once more, which nobody saw
                return None
            total += used
        return total


def _counters(powercap: Path) -> dict[Path, float]:
    """The counter of each package; none if one of them cannot be read, as half of the machine is no measurement."""
    try:
        packages = [entry for entry in sorted(powercap.iterdir()) if _PACKAGE.fullmatch(entry.name)]
    except OSError:
        return {}
    found = {package: _number(package / "energy_uj") for package in packages if _is_package(package)}
    return {} if None in found.values() else {package: value for package, value in found.items() if value is not None}


def _is_package(entry: Path) -> bool:
    """Not `psys`, the platform as a whole, which holds the packages once more."""
    try:
        return (entry / "name").read_text().strip().startswith("package")
    except OSError:
        return True  # an older kernel without names


def _number(path: Path) -> float | None:
    try:
        return float(path.read_text())
    except (OSError, ValueError):
        return None
