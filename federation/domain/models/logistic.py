"""Logistic regression: what a clinician would try first, so what a circuit has to beat."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from federation.domain.models.base import REPRESENTATION_SIZE, Model


class LogisticRegression(Model):
    """One linear logit of the features."""

    task = "classification"

    def __init__(self, spec: Mapping[str, Any]) -> None:
        super().__init__(spec)
        self.n_inputs = int(spec["inputs"])
        self.logit = nn.Linear(self.n_inputs, 1)

    def forward(self, x: Tensor) -> Tensor:
        if x.dim() != 2 or x.shape[1] != self.n_inputs:
            raise ValueError(f"expected rows of {self.n_inputs} features, got an array of shape {tuple(x.shape)}")
        return self.logit(x).squeeze(-1)

    def represent(self, x: Tensor) -> Tensor:
        """All that it knows of a patient is one number, the logit; the other three are constant 0."""
        known = torch.tanh(self(x) / 2).unsqueeze(-1)  # twice the probability, less one
        return functional.pad(known, (0, REPRESENTATION_SIZE - 1))


def logistic_regression(spec: Mapping[str, Any]) -> LogisticRegression:
    """``{"kind": "logistic_regression", "inputs": d}``."""
    return LogisticRegression(spec)
