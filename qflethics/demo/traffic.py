"""Traffic of a hospital against the prediction API: an HTTP client, nothing more. It knows the truth and tells it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import requests

from audits.domain.traffic import Degrade, Halted, Traffic, degraded_cases, drive
from federation.domain.data.registry import open_source

LOCKED = 423
TIMEOUT_SECONDS = 60
MOST_AT_ONCE = 256


class TrafficError(RuntimeError):
    """The service answered with neither success nor a halt."""


class HttpGate:
    """The API of one deployment, asked with a key."""

    def __init__(self, base_url: str, api_key: str, deployment: str) -> None:
        self.address = f"{base_url.rstrip('/')}/api/v1/deployments/{deployment}"
        self.session = requests.Session()
        self.session.headers["Authorization"] = f"Api-Key {api_key}"

    def predict(self, records: list[dict[str, Any]], key: str) -> dict[str, Any]:
        answer = self._post("predictions", records, key)
        if answer.status_code == LOCKED:
            raise Halted(answer.json())
        return answer.json()

    def tell(self, records: list[dict[str, Any]], key: str) -> None:
        self._post("outcomes", records, key)

    def _post(self, what: str, records: list[dict[str, Any]], key: str) -> requests.Response:
        url = f"{self.address}/{what}"
        try:
            answer = self.session.post(
                url, json={"records": records}, headers={"Idempotency-Key": key}, timeout=TIMEOUT_SECONDS
            )
        except requests.RequestException as error:
            raise TrafficError(f"{url} cannot be reached: {error}") from error
        if answer.status_code not in (200, LOCKED):
            raise TrafficError(f"{url} answered {answer.status_code}: {answer.text[:500]}")
        return answer


def simulate(
    base_url: str,
    api_key: str,
    deployment: str,
    source_spec: str,
    site: str,
    *,
    first: int,
    count: int,
    batch_size: int = 64,
    degrade: Degrade | Mapping[str, Any] | None = None,
    progress: Callable[[Traffic], bool | None] | None = None,
) -> Traffic:
    """Send `count` cases, batch by batch: predictions, then their outcomes. Stops when the deployment is halted.

    Parameters
    ----------
    base_url : str
        Of the platform, e.g. ``http://127.0.0.1:8000``.
    source_spec, site : str
        The data, as `federation.domain.data.registry.open_source` takes them, and the site that sends.
    first : int, >= 0
        Number of the first case; names of cases come from it, so give each call a range of its own.
    batch_size : int, 1 to 256
    progress : callable, optional
        Called after each batch.

    Raises
    ------
    TrafficError
        If the service refuses the cases or cannot be reached.
    """
    if not 1 <= batch_size <= MOST_AT_ONCE:
        raise ValueError(f"expected a batch size from 1 to {MOST_AT_ONCE}, got {batch_size}")
    how = Degrade(**degrade) if isinstance(degrade, Mapping) else degrade
    source = open_source(source_spec)
    return drive(
        HttpGate(base_url, api_key, deployment),
        degraded_cases(source, site, first=first, count=count, size=batch_size, how=how),
        prefix=f"{site}-case",
        progress=progress,
    )
