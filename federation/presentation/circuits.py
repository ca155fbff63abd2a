"""The circuit of a frozen configuration as a drawing, and in words for who cannot see one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.utils.safestring import mark_safe
from django.utils.translation import gettext as _

from core.charts import Chart, Table
from federation.domain.quantum import drawing
from federation.domain.quantum.circuits import plan_of
from federation.domain.quantum.spec import circuit_of


def circuit_chart(config: Mapping[str, Any]) -> Chart | None:
    """The circuit of a run's quantum model; None if no part of it is quantum, or of a kind that is not known here."""
    spec = config["models"]["primary"]
    try:
        shape = circuit_of(spec)
    except (KeyError, ValueError, TypeError):
        return None
    plan = plan_of(shape)
    title = _("Circuit of %(qubits)s qubits, %(layers)s layers, depth %(depth)s, %(weights)s weights") % {
        "qubits": plan.n_qubits, "layers": shape.layers, "depth": plan.depth, "weights": plan.n_weights,
    }  # fmt: skip
    said = (
        _("%(title)s. Inputs x0 to x%(last)s: %(embedding)s. Entangled by %(gate)s gates. The table lists every gate.")
        if shape.entangling
        else _("%(title)s. Inputs x0 to x%(last)s: %(embedding)s. Without entanglement. The table lists every gate.")
    )
    description = said % {
        "title": title, "last": plan.n_inputs - 1, "embedding": _(shape.embedding_words), "gate": shape.entangler,
    }  # fmt: skip
    rows = tuple((str(step), name, wires, angles or _("none")) for step, name, wires, angles in drawing.listing(plan))
    table = Table((_("Step"), _("Gate"), _("Qubits"), _("Angles")), rows)
    return Chart(mark_safe(drawing.svg(plan)), title, description, table)  # noqa: S308 - labels are escaped there
