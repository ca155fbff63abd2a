"""Traffic of a hospital against the prediction API: an HTTP client, nothing more. It knows the truth and tells it.

Phantom patients are drawn beyond the training set; real sites' records are drawn again with replacement, under new
names. One group's inputs can be spoilt, so that the model really fails on it: that is what the monitor is to find.
"""

from __future__ import annotations

import base64
import zlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import requests
from numpy.typing import NDArray

from federation.domain.data.dataset import SiteData, Source
from federation.domain.data.phantom import PhantomSource
from federation.domain.data.registry import open_source

LOCKED = 423
TIMEOUT_SECONDS = 60
MOST_AT_ONCE = 256
_RESAMPLE, _SPOIL = range(2)  # what a random stream is for


@dataclass(frozen=True)
class Degrade:
    """Spoil the inputs of one group.

    Attributes
    ----------
    attribute, group : str
        Whose inputs, e.g. ``sex``, ``female``.
    strength : float in [0, 1]
        Images: share of the contrast that is lost to blur and noise; 1 leaves nothing to see. Tables: share of the
        group's patients who get another patient's features.
    """

    attribute: str
    group: str
    strength: float = 1.0

    def __post_init__(self) -> None:
        if not 0 <= self.strength <= 1:
            raise ValueError(f"expected a strength from 0 to 1, got {self.strength}")


@dataclass
class Traffic:
    """What happened. `halted` is the body of the 423 answer, None if all was served."""

    predictions: int = 0
    outcomes: int = 0
    batches: int = 0
    spoilt: int = 0
    halted: dict[str, Any] | None = None
    warnings: list[str] = field(default_factory=list)


class TrafficError(RuntimeError):
    """The service answered with neither success nor a halt."""


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
    progress: Callable[[Traffic], None] | None = None,
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
    if isinstance(degrade, Mapping):
        degrade = Degrade(**degrade)
    done = Traffic()
    session = requests.Session()
    session.headers["Authorization"] = f"Api-Key {api_key}"
    address = f"{base_url.rstrip('/')}/api/v1/deployments/{deployment}"
    for start, data in _batches(open_source(source_spec), site, first=first, count=count, size=batch_size):
        names = [f"{site}-case-{start + i:08d}" for i in range(data.n_patients)]
        shown = data
        if degrade is not None:
            shown = degraded(data, degrade, rng=np.random.default_rng((_SPOIL, _number(site), start)))
            done.spoilt += int((data.groups[degrade.attribute] == degrade.group).sum())
        answer = _post(session, f"{address}/predictions", prediction_records(shown, names), f"{names[0]}-predictions")
        if answer.status_code == LOCKED:
            done.halted = answer.json()
            break
        done.predictions += data.n_patients
        done.warnings += [text for row in answer.json()["predictions"] for text in row["warnings"]][:5]
        _post(session, f"{address}/outcomes", outcome_records(data, names), f"{names[0]}-outcomes")
        done.outcomes += data.n_patients
        done.batches += 1
        if progress is not None:
            progress(done)
    return done


def prediction_records(data: SiteData, names: list[str]) -> list[dict[str, Any]]:
    """Each patient as the API takes it; images as 8 bit, all slices of the patient in one record."""
    out = []
    for i, name in enumerate(names):
        rows = data.x[data.patient_index == i]
        record: dict[str, Any] = {
            "event_key": name,
            "patient": data.record_ids[i],
            "attributes": {attribute: str(groups[i]) for attribute, groups in data.groups.items()},
        }
        if data.task == "classification":
            record["features"] = [float(value) for value in rows[0]]
        else:
            pixels = np.rint(np.clip(rows, 0, 1) * 255).astype(np.uint8)
            text = base64.b64encode(pixels.tobytes()).decode()
            record["image"] = {"shape": list(pixels.shape), "dtype": "uint8", "data": text}
        out.append(record)
    return out


def outcome_records(data: SiteData, names: list[str]) -> list[dict[str, Any]]:
    """The truth about each patient: the diagnosis, or the corrected mask."""
    if data.task == "classification":
        truth = {int(patient): int(label) for patient, label in zip(data.patient_index, data.y, strict=True)}
        return [{"event_key": name, "label": truth[i]} for i, name in enumerate(names)]
    masks = [np.packbits(data.y[data.patient_index == i].astype(bool)).tobytes() for i in range(len(names))]
    return [
        {"event_key": name, "mask": base64.b64encode(mask).decode()} for name, mask in zip(names, masks, strict=True)
    ]


def degraded(data: SiteData, how: Degrade, *, rng: np.random.Generator) -> SiteData:
    """The same patients with the inputs of one group spoilt. The truth stays what it is."""
    if how.attribute not in data.groups:
        raise ValueError(f"expected an attribute among {', '.join(sorted(data.groups))}, got {how.attribute!r}")
    chosen = np.flatnonzero(data.groups[how.attribute] == how.group)
    if data.task == "classification":
        return replace(data, x=_permuted(data, chosen[rng.random(len(chosen)) < how.strength], rng))
    rows = np.isin(data.patient_index, chosen)
    x = data.x.copy()
    x[rows] = _faded(x[rows], how.strength, rng)
    return replace(data, x=x)


def _permuted(data: SiteData, patients: NDArray[np.int64], rng: np.random.Generator) -> NDArray[np.float32]:
    """Features change hands within the group: each is believable, none fits its patient."""
    x = data.x.copy()
    row_of = np.argsort(data.patient_index)
    x[row_of[patients]] = data.x[row_of[rng.permutation(patients)]]
    return x


def _faded(images: NDArray[np.float32], strength: float, rng: np.random.Generator) -> NDArray[np.float32]:
    """Blur, loss of contrast towards the image's mean, and noise: a lesion sinks below what can be seen."""
    if not len(images):
        return images
    flat = images.mean(axis=(2, 3), keepdims=True)
    soft: NDArray[np.floating] = images
    for _ in range(round(6 * strength)):
        soft = (soft + sum(np.roll(soft, shift, axis=axis) for axis in (2, 3) for shift in (-1, 1))) / 5
    noise = rng.normal(0.0, 0.03 * strength, size=images.shape)
    return np.clip(flat + (1 - strength) * (soft - flat) + noise, 0, 1).astype(np.float32)


def _batches(source: Source, site: str, *, first: int, count: int, size: int) -> Iterator[tuple[int, SiteData]]:
    """Cases `first` to `first + count - 1`: new phantom patients, or records of the site drawn with replacement."""
    held = source.load(site)
    for start in range(first, first + count, size):
        number = min(size, first + count - start)
        if isinstance(source, PhantomSource):  # the patients beyond the training set
            yield start, source.generate(site, first=held.n_patients + start, count=number)
        else:
            rng = np.random.default_rng((_RESAMPLE, _number(site), start))
            yield start, _drawn(held, rng.integers(0, held.n_patients, size=number))


def _drawn(held: SiteData, patients: NDArray[np.int64]) -> SiteData:
    """The given patients in order, a patient as often as he was drawn."""
    rows = [np.flatnonzero(held.patient_index == patient) for patient in patients]
    return replace(
        held,
        record_ids=tuple(held.record_ids[patient] for patient in patients),
        x=np.concatenate([held.x[r] for r in rows]),
        y=np.concatenate([held.y[r] for r in rows]),
        patient_index=np.repeat(np.arange(len(patients)), [len(r) for r in rows]),
        groups={name: values[patients] for name, values in held.groups.items()},
    )


def _number(site: str) -> int:
    return zlib.crc32(site.encode())


def _post(session: requests.Session, url: str, records: list[dict[str, Any]], key: str) -> requests.Response:
    try:
        answer = session.post(url, json={"records": records}, headers={"Idempotency-Key": key}, timeout=TIMEOUT_SECONDS)
    except requests.RequestException as error:
        raise TrafficError(f"{url} cannot be reached: {error}") from error
    if answer.status_code not in (200, LOCKED):
        raise TrafficError(f"{url} answered {answer.status_code}: {answer.text[:500]}")
    return answer
