"""The circuit of a frozen configuration as a drawing, and in words for who cannot see one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.utils.safestring import mark_safe

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
    title = f"Circuit of {plan.n_qubits} qubits, {shape.layers} layers, depth {plan.depth}, {plan.n_weights} weights"
    entangled = f"Entangled by {shape.entangler} gates" if shape.entangling else "Without entanglement"
    description = (
        f"{title}. Inputs x0 to x{plan.n_inputs - 1}: {shape.embedding_words}. {entangled}. The table lists every gate."
    )
    rows = tuple((str(step), name, wires, angles or "none") for step, name, wires, angles in drawing.listing(plan))
    table = Table(("Step", "Gate", "Qubits", "Angles"), rows)
    return Chart(mark_safe(drawing.svg(plan)), title, description, table)  # noqa: S308 - labels are escaped there
