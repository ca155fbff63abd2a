"""Fewer numbers a round where nothing is masked: each site's largest changes, in half precision [1]_.

A site sends where its weights changed most and by how much, and adds what it did not send to its next update. Masked
vectors cannot be thinned out so, for they are added coordinate by coordinate (`compression`).

References
----------
.. [1] Stich et al., "Sparsified SGD with memory", NeurIPS 2018, arXiv:1809.07599 (top-k with memory).
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
from safetensors import SafetensorError
from safetensors.numpy import load, save

from federation.domain.learning import states
from federation.domain.learning.states import State, WeightsError
from federation.domain.secure.compression import Values
from federation.domain.secure.update import Layout

PARTS = {"indices", "values"}
MOST = float(np.finfo(np.float16).max)


def sends_largest(security: Mapping[str, Any] | None) -> bool:
    """Whether the sites of a run send only their largest changes."""
    return security is not None and not security.get("masking") and security.get("keep", 1.0) < 1


def thinned(start: State, trained: State, *, keep: float, owed: Values | None) -> tuple[bytes, Values]:
    """The file to send, and what the site owes once it is counted.

    Parameters
    ----------
    start, trained : the weights before and after local training
    keep : float, over 0 to 1
        Share of the coordinates that is sent; at least one is.
    owed : ndarray of float32, shape (size,), or None
        What earlier updates left out; None: nothing is carried over.
    """
    layout = Layout.of({"": start})
    change = layout.flatten({"": trained}) - layout.flatten({"": start})
    whole = change if owed is None or owed.shape != change.shape else change + owed
    count = max(1, math.ceil(keep * layout.size - 1e-9))
    chosen = np.sort(np.argpartition(-np.abs(whole), count - 1)[:count])
    values = np.clip(whole[chosen], -MOST, MOST).astype(np.float16)
    left = whole.astype(np.float32)
    left[chosen] -= values.astype(np.float32)
    return save({"indices": chosen.astype(np.uint32), "values": values}), left


def received(data: bytes, *, start: State, security: Mapping[str, Any] | None) -> State:
    """The weights of a site from the file that it sent, whole or thinned out as the run's configuration says.

    Raises
    ------
    WeightsError
        If it is something else, or a value is not finite.
    """
    if not sends_largest(security):
        return states.from_bytes(data, shapes=states.shapes_of(start))
    layout = Layout.of({"": start})
    try:
        parts = load(data)
    except (SafetensorError, KeyError, ValueError, TypeError) as error:
        raise WeightsError(f"expected a file of the largest changes, got {len(data)} unreadable bytes") from error
    if set(parts) != PARTS or parts["indices"].dtype != np.uint32 or parts["values"].dtype != np.float16:
        raise WeightsError(f"expected indices and values in half precision, got {sorted(parts)}")
    indices, values = parts["indices"].astype(np.int64), parts["values"].astype(np.float32)
    if indices.ndim != 1 or indices.shape != values.shape or not np.isfinite(values).all():
        raise WeightsError("expected one finite value an index")
    if len(indices) and (indices[-1] >= layout.size or (np.diff(indices) < 1).any()):
        raise WeightsError(f"expected rising indices under {layout.size}")
    dense = np.zeros(layout.size, dtype=np.float32)
    dense[indices] = values
    return layout.unflatten(layout.flatten({"": start}) + dense)[""]
