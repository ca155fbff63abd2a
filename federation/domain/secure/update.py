"""A site's update as what is sent, and the sum of what was sent as new weights.

The models of a run are laid out one after the other in one vector of float32. A site sends the change of its weights,
times its share of records, at the coordinates of the round.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from federation.domain.secure.compression import ErrorFeedback, Indices, Values, common_indices
from federation.domain.secure.config import SecurityConfig
from federation.domain.secure.field import Elements, Field, Quantiser
from federation.domain.secure.masks import Stream

States = Mapping[str, Mapping[str, NDArray[np.float32]]]


@dataclass(frozen=True)
class Layout:
    """Where each weight of each model stands in the vector."""

    places: tuple[tuple[str, str, tuple[int, ...]], ...]  # model, weight, shape; sorted

    @classmethod
    def of(cls, states: States) -> Layout:
        return cls(
            tuple(
                (model, name, tuple(states[model][name].shape))
                for model in sorted(states)
                for name in sorted(states[model])
            )
        )

    @property
    def size(self) -> int:
        return sum(int(np.prod(shape)) for _, _, shape in self.places)

    def flatten(self, states: States) -> Values:
        if not self.places:
            return np.zeros(0, dtype=np.float32)
        return np.concatenate([states[model][name].ravel() for model, name, _ in self.places], dtype=np.float32)

    def unflatten(self, vector: Values) -> dict[str, dict[str, NDArray[np.float32]]]:
        out: dict[str, dict[str, NDArray[np.float32]]] = {}
        start = 0
        for model, name, shape in self.places:
            end = start + int(np.prod(shape))
            out.setdefault(model, {})[name] = vector[start:end].reshape(shape).astype(np.float32)
            start = end
        return out


@dataclass(frozen=True)
class UpdateCode:
    """Both directions, for one round of one run; the same at all sites and at the server."""

    config: SecurityConfig
    indices: Indices
    size: int

    @classmethod
    def of(cls, config: SecurityConfig, *, seed: str, round_number: int, size: int) -> UpdateCode:
        return cls(config, common_indices(seed=seed, round_number=round_number, size=size, keep=config.keep), size)

    @property
    def quantiser(self) -> Quantiser:
        return Quantiser(Field(self.config.field_bits), self.config.clip, max(1, len(self.config.signing_keys)))

    def encode(self, change: Values, n_records: int, feedback: ErrorFeedback, *, seed: bytes) -> Elements:
        """What a site sends, before masking.

        Parameters
        ----------
        change : ndarray, shape (size,)
            Local weights less those of the round's start.
        n_records : int, 0 to `most_records`
        feedback : ErrorFeedback
            Settled by the caller once the site knows that it was counted.
        seed : bytes, 32
            Secret and fresh: of the stochastic rounding.

        Raises
        ------
        ValueError
            If a value is not finite or there are more records than the run was frozen with.
        """
        most = self.config.most_records
        if not 0 <= n_records <= most:
            raise ValueError(f"expected at most {most} records, with which the run was frozen, got {n_records}")
        weighted = np.asarray(change, dtype=np.float32) * np.float32(n_records / most)
        uniforms = Stream(seed).uniforms(len(self.indices))
        quantiser = self.quantiser
        coded: list[Elements] = []

        def sent(values: Values) -> NDArray[np.float64]:
            coded.append(quantiser.encode(values, uniforms=uniforms))
            return quantiser.decode(coded[0])

        feedback.offer(weighted, self.indices, sent)
        if not self.config.error_feedback:
            feedback.forget()
        return coded[0]

    def apply(self, start: Values, total: Elements, n_records: int) -> Values:
        """The new weights: the start plus the records' mean of the changes, from the sum of what was sent."""
        if n_records < 1:
            raise ValueError("expected records at the counted sites, got none; the round changes nothing")
        new = np.array(start, dtype=np.float32)
        new[self.indices] += (self.quantiser.decode(total) * (self.config.most_records / n_records)).astype(np.float32)
        return new


@dataclass(frozen=True)
class CountCode:
    """Secure counts: numbers of patients and sums of their scores, which are not to wrap around and need fractions."""

    parties: int
    most: int  # the largest count of one site

    @property
    def quantiser(self) -> Quantiser:
        return Quantiser(Field(32), float(max(1, self.most)), self.parties)

    def encode(self, counts: Sequence[float] | NDArray[np.float64]) -> Elements:
        """To nearest. Raises ValueError beyond `most`, where clipping would make a count wrong."""
        values = np.asarray(counts, dtype=np.float64)
        if len(values) and np.abs(values).max() > self.most:
            raise ValueError(f"expected counts up to {self.most}, got {np.abs(values).max():g}")
        return self.quantiser.encode(values)

    def decode(self, total: Elements) -> NDArray[np.float64]:
        return self.quantiser.decode(total)
