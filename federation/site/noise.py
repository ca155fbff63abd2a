"""A site's part in a step whose noise all sites make together: the noised sums, before they are masked."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from federation.domain.data.dataset import SiteData
from federation.domain.learning.gradients import Rows
from federation.domain.learning.shared_step import noised_sum
from federation.domain.learning.states import digest
from federation.domain.messages import Message
from federation.domain.models.base import Model
from federation.domain.privacy.config import PrivacyConfig
from federation.domain.privacy.stream import KeyedStream
from federation.domain.secure.config import SecurityConfig
from federation.domain.secure.field import Field
from federation.site.energy import Meter

if TYPE_CHECKING:
    from federation.site.handlers import Site

SUMS = "sums"  # the file of an answer that never leaves the site as it is


def noised_sums(
    site: Site, order: Message, models: Mapping[str, Model], data: SiteData, *, privacy: PrivacyConfig,
    security: SecurityConfig,
) -> tuple[dict[str, Any], dict[str, bytes]]:  # fmt: skip
    """The report, and both models' sums one after the other.

    The noise is keyed by the site's secret, the order and the weights it came with: asked again, it is the same, and
    of no other question.
    """
    if data.n_patients > security.most_records:  # the field was found large enough for so many
        raise ValueError(f"expected at most {security.most_records} patients, as frozen, got {data.n_patients}")
    modulus = Field(security.field_bits).modulus
    rows = Rows.of(data) if data.n_patients else None
    report: dict[str, Any] = {"n_records": data.n_patients, "models": {}}
    parts = []
    for name in sorted(models):
        started, meter = time.perf_counter(), Meter(site.home.config.watts)
        seed = site.home.secret_seed(f"noise:{order.key}:{name}:{digest(order.attachments[name])}")
        parts.append(noised_sum(models[name], rows, privacy, modulus=modulus, stream=KeyedStream(seed)))
        report["models"][name] = {
            "loss": None, "steps": int(rows is not None), "sample_rate": privacy.sample_rate,
            "seconds": round(time.perf_counter() - started, 3), **meter.read(),
        }  # fmt: skip
    return report, {SUMS: np.concatenate(parts).astype("<u4").tobytes()}
