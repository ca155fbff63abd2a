"""What a piece of work took at the site: CPU seconds as measured, and the watts they are to be multiplied by.

RAPL counts the whole package, whoever uses it. It is used where the system lets it be read; otherwise the operator's
declared figure, and without one there are CPU seconds and no energy.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

RAPL = Path("/sys/class/powercap/intel-rapl:0")
MICRO = 1e-6


@dataclass
class Meter:
    """Started when it is made; `read` says what has been used since."""

    watts: float | None = None  # declared by the site's operator: of one busy core
    rapl: Path = RAPL
    _cpu: float = field(init=False)
    _joules: float | None = field(init=False)

    def __post_init__(self) -> None:
        # Of this thread and of what torch computes for it: a site trains one order at a time, with one thread.
        self._cpu, self._joules = time.process_time(), self._counter()

    def read(self) -> dict[str, Any]:
        """CPU seconds; and joules with their source ("rapl" or "declared"), where there is one."""
        cpu = time.process_time() - self._cpu
        found: dict[str, Any] = {"cpu_seconds": round(cpu, 3)}
        if (measured := self._measured()) is not None:
            return {**found, "joules": round(measured, 3), "energy_source": "rapl"}
        if self.watts is not None:
            return {**found, "joules": round(cpu * self.watts, 3), "energy_source": "declared", "watts": self.watts}
        return found

    def _measured(self) -> float | None:
        now = self._counter()
        if now is None or self._joules is None:
            return None
        used = now - self._joules
        if used < 0:  # the counter starts again at its range
            whole = self._number("max_energy_range_uj")
            if whole is None:
                return None
            used += whole * MICRO
        return used

    def _counter(self) -> float | None:
        value = self._number("energy_uj")
        return None if value is None else value * MICRO

    def _number(self, name: str) -> float | None:
        try:
            return float((self.rapl / name).read_text())
        except (OSError, ValueError):
            return None
