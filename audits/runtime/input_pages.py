"""The drift of the inputs as the deployment's page shows it: never of fewer cases than a histogram may be told of."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext as _

from audits.domain.monitor.histograms import CELLS, PARTS, Counts
from audits.domain.monitor.input_drift import BLOCK, WHOLE, InputFound, InputState, found
from audits.runtime.beside import LEAST
from audits.runtime.declared import declared_by
from audits.runtime.inputs import inputs_watched
from audits.runtime.models import InputDrift
from audits.runtime.operating import inputs_named
from core.charts import Chart, Series, line_chart
from models_registry.models import Deployment

ROWS = 12  # of the table, those that changed most


@dataclass(frozen=True)
class InputRow:
    """One input at one site."""

    site: str
    cases: int
    audited: bool
    found: InputFound

    @property
    def evidence(self) -> float | None:
        return math.log10(self.found.evidence) if self.found.evidence > 0 else None

    @property
    def beside(self) -> float:
        """How large its index is for the mark, to put the largest first."""
        return (self.found.index or 0.0) / (self.found.mark or 1.0)


def input_drift(deployment: Deployment) -> dict[str, Any]:
    """The context of `audits_runtime/inputs.html`."""
    declared = declared_by(deployment.version)
    names = inputs_watched(declared)
    states = [(row.site, InputState.from_dict(row.state)) for row in InputDrift.objects.filter(deployment=deployment)]
    states = [(site, state) for site, state in states if state.n]
    rows = [InputRow(site, state.n, state.audited, one) for site, state in states for one in found(state, names)]
    rows.sort(key=lambda row: (not row.found.warns, -row.beside, row.site))
    return {
        "input_rows": rows[:ROWS], "inputs_all": len(rows), "inputs_block": BLOCK, "inputs_whole": WHOLE,
        "inputs_unwatched": len(inputs_named(declared)) - len(names),
        "inputs_chart": _chart(rows[0], dict(states)[rows[0].site], names) if rows else None,
    }  # fmt: skip


def _chart(row: InputRow, state: InputState, names: tuple[str, ...]) -> Chart | None:
    """The histogram of the input that changed most, beside its reference."""
    place = names.index(row.found.name)
    if state.reference is None or state.last is None:
        return None
    before = _("Training data") if state.audited else _("First %(n)s") % {"n": WHOLE}
    return line_chart(
        [Series(before, _shares(state.reference[place])), Series(_("Now"), _shares(state.last[place]))],
        title=_("%(input)s at %(site)s") % {"input": row.found.name, "site": row.site},
        x_label="Value, 0 to 1 is the usual range", y_label="Share of cases", y_range=(0, 0.2), key="inputs",
        description=_(
            "The input that changed most. Cells of fewer than %(least)s cases are not drawn; the first and the last "
            "hold what is below and above the usual range."
        )
        % {"least": LEAST},
    )  # fmt: skip


def _shares(counts: Counts) -> list[tuple[float, float | None]]:
    total = max(1, int(counts.sum()))
    return [
        ((cell - 0.5) / PARTS, None if 0 < counts[cell] < LEAST else float(counts[cell] / total))
        for cell in range(CELLS)
    ]
