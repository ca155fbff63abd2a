"""From untrusted bytes to checked records. A refusal names the record, the field, what was expected and what came."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, TypeVar

import msgspec
import numpy as np
from numpy.typing import NDArray

from audits.domain.robustness.operating_range import Place
from audits.runtime.declared import Declared
from core.errors import ApplicationError
from federation.domain.data.dataset import UNKNOWN

MAX_PREDICTIONS, MAX_REVIEWS = 256, 1000
MAX_SLICES = 64
MAX_TEXT = 200
LISTED = 20  # bad records named in one answer
_DTYPES: Mapping[str, np.dtype[Any]] = {"uint8": np.dtype("u1"), "float32": np.dtype("<f4")}


class BadRecords(ApplicationError):
    """Some records cannot be used; none was stored. An answer names the first few, `rows` holds them all."""

    status = 422
    code = "invalid_records"

    def __init__(self, message: str, *, rows: Sequence[dict] = (), **extra: object) -> None:
        super().__init__(message, **extra)
        self.rows = rows


class Image(msgspec.Struct, forbid_unknown_fields=True):
    shape: list[int]
    dtype: Literal["uint8", "float32"]
    data: str


class PredictionIn(msgspec.Struct, forbid_unknown_fields=True):
    event_key: str
    patient: str | int
    attributes: dict[str, str] = {}
    features: list[float] | None = None
    image: Image | None = None
    age: float | None = None  # these three are asked for by the deployment's policy, and never stored
    device: str | None = None
    use: Literal["care", "study", "research"] | None = None


class ReviewIn(msgspec.Struct, forbid_unknown_fields=True):
    event_key: str
    decision: Literal["accepted", "overrode", "not_used"]
    why: Literal["", "clinical_picture", "other_test", "input_quality", "out_of_scope", "patient_wish", "other"] = (
        ""  # as `models_reviews.Review.Why`
    )
    note: str = ""


class _Envelope(msgspec.Struct, forbid_unknown_fields=True):
    records: list[msgspec.Raw]


@dataclass(frozen=True)
class Case:
    """One case to predict, checked.

    Attributes
    ----------
    x : ndarray of float32, shape (1, d) or (slices, channels, height, width)
    attributes : attribute to group; every declared attribute, "unknown" where it was not given
    place : where it lies against the operating range of the approved card
    inputs : ndarray, shape (d,)
        What is compared with that range; counted, and not stored.
    """

    event_key: str
    patient: str
    attributes: Mapping[str, str]
    x: NDArray[np.float32]
    warnings: list[str] = field(default_factory=list)
    place: Place = Place.UNKNOWN
    inputs: NDArray[np.float64] = field(default_factory=lambda: np.empty(0))


@dataclass
class Refusals:
    """What is wrong with which record."""

    rows: list[dict] = field(default_factory=list)

    def add(self, index: int, name: str, message: str, event_key: str | None = None) -> None:
        self.rows.append({"record": index, "event_key": event_key, "field": name, "message": message})

    def raise_if_any(self, error: type[BadRecords] = BadRecords) -> None:
        if not self.rows:
            return
        first, records = self.rows[0], list(dict.fromkeys(row["record"] for row in self.rows))
        more = f" ({len(records) - 1} more records are refused.)" if len(records) > 1 else ""
        listed = set(records[:LISTED])
        raise error(
            f"Record {first['record']}, {first['field']}: {first['message']}. Nothing was stored.{more}",
            records=[row for row in self.rows if row["record"] in listed],
            rows=self.rows,
        )


class Bad(Exception):
    def __init__(self, name: str, message: str) -> None:
        self.name, self.message = name, message


_Record = TypeVar("_Record", PredictionIn, ReviewIn)


def read_records(body: bytes, kind: type[_Record], most: int) -> list[_Record]:
    """Decode ``{"records": [...]}``; each record on its own, so that a refusal can name it."""
    try:
        envelope = msgspec.json.decode(body, type=_Envelope)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as error:
        raise ApplicationError(f'Expected a JSON object {{"records": [...]}}: {error}') from None
    if not 1 <= len(envelope.records) <= most:
        raise BadRecords(f"Expected 1 to {most} records, got {len(envelope.records)}. Nothing was stored.")
    found: list[_Record] = []
    refusals, seen = Refusals(), set()
    for index, raw in enumerate(envelope.records):
        try:
            record = msgspec.json.decode(raw, type=kind)
        except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as error:
            reason, _, path = str(error).partition(" - at `$.")
            refusals.add(index, path.rstrip("`") or "record", reason)
            continue
        try:
            check_text("event_key", record.event_key)
        except Bad as bad:
            refusals.add(index, bad.name, bad.message)
            continue
        if record.event_key in seen:
            refusals.add(index, "event_key", f"{record.event_key!r} comes twice in this request", record.event_key)
        seen.add(record.event_key)
        found.append(record)
    refusals.raise_if_any()
    return found


def check_cases(records: list[PredictionIn], declared: Declared) -> list[Case]:
    """Check each record against what the version was trained on."""
    cases, refusals = [], Refusals()
    read = _image if declared.imaged else _features
    for index, record in enumerate(records):
        try:
            cases.append(_case(record, declared, read))
        except Bad as bad:
            refusals.add(index, bad.name, bad.message, record.event_key)
    refusals.raise_if_any()
    return cases


def unpack_mask(text: str, shape: list[int]) -> NDArray[np.bool_]:
    """The bits of a mask of this shape, from base64 of `numpy.packbits` (first pixel in the highest bit).

    Raises
    ------
    ValueError
        If it is no base64 or has another length.
    """
    size = int(np.prod(shape))
    data = _base64("mask", text, -(-size // 8), f"a mask of shape {shape}, one bit a pixel")
    return np.unpackbits(np.frombuffer(data, dtype=np.uint8), count=size).astype(bool).reshape(shape)


def pack_mask(mask: NDArray[np.bool_]) -> bytes:
    return np.packbits(mask).tobytes()


def encode_mask(data: bytes, shape: list[int]) -> dict:
    return {"shape": shape, "data": base64.b64encode(data).decode()}


Read = Callable[[PredictionIn, Declared, list[str]], NDArray[np.float32]]


def _case(record: PredictionIn, declared: Declared, read: Read) -> Case:
    patient = str(record.patient)
    check_text("patient", patient)
    warnings: list[str] = []
    x = read(record, declared, warnings)
    return Case(record.event_key, patient, attributes_of(record.attributes, declared, warnings), x, warnings)


def attributes_of(given: Mapping[str, str], declared: Declared, warnings: list[str]) -> dict[str, str]:
    """Free text never becomes a group: what the sites did not count is "unknown", and said so."""
    if extra := sorted(set(given) - set(declared.groups)):
        names = ", ".join(declared.groups) or "none"
        raise Bad(f"attributes.{extra[0][:40]}", f"expected only the attributes of the version ({names})")
    out = {}
    for name, groups in declared.groups.items():
        group = given.get(name, UNKNOWN)
        if group not in groups:
            if group != UNKNOWN:
                warnings.append(f"attributes.{name}: not one of {', '.join(groups)}; taken as unknown, not monitored")
            group = UNKNOWN
        out[name] = group
    return out


def _features(record: PredictionIn, declared: Declared, warnings: list[str]) -> NDArray[np.float32]:
    if record.features is None or record.image is not None:
        raise Bad("features", "expected a list of features (this version reads records, not images)")
    (length,) = declared.shapes[0]
    if len(record.features) != length:
        raise Bad("features", f"expected {length} numbers, got {len(record.features)}")
    x = _finite("features", np.asarray(record.features, dtype=np.float64))
    outside = np.flatnonzero((x < 0) | (x > 1))
    names = declared.feature_names if len(declared.feature_names) == length else tuple(map(str, range(length)))
    warnings += [f"features.{names[i]}: {x[i]:.4g} is outside the usual range 0 to 1" for i in outside[:5]]
    if len(outside) > 5:
        warnings.append(f"features: {len(outside) - 5} more are outside the usual range 0 to 1")
    return x[None, :]


def _image(record: PredictionIn, declared: Declared, warnings: list[str]) -> NDArray[np.float32]:
    image = record.image
    if image is None or record.features is not None:
        raise Bad("image", "expected an image (this version reads images, not lists of features)")
    if tuple(image.shape[-3:]) not in declared.shapes or len(image.shape) not in (3, 4):
        wanted = " or ".join(str(list(shape)) for shape in declared.shapes)
        raise Bad("image.shape", f"expected {wanted}, or slices of it in front, got {str(image.shape)[:80]}")
    slices = image.shape[0] if len(image.shape) == 4 else 1
    if slices > 1 and declared.task == "classification":
        raise Bad("image.shape", f"expected one image (this version was trained on one a patient), got {slices}")
    if not 1 <= slices <= MAX_SLICES:
        raise Bad("image.shape", f"expected 1 to {MAX_SLICES} slices, got {slices}")
    dtype = _DTYPES[image.dtype]
    size = int(np.prod(image.shape)) * dtype.itemsize
    try:
        data = _base64("image.data", image.data, size, f"{image.dtype} values of shape {image.shape}")
    except ValueError as error:
        raise Bad("image.data", str(error)) from None
    x = np.frombuffer(data, dtype=dtype).reshape(slices, *image.shape[-3:])
    if image.dtype == "uint8":
        return (x / np.float32(255)).astype(np.float32)
    x = _finite("image.data", x)
    outside = int(((x < 0) | (x > 1)).sum())
    if outside:
        warnings.append(f"image: {outside} of {x.size} values are outside the usual range 0 to 1")
    return x


def _finite(name: str, values: NDArray) -> NDArray[np.float32]:
    with np.errstate(over="ignore"):
        x = values.astype(np.float32)
    if not np.isfinite(x).all():
        place = int(np.flatnonzero(~np.isfinite(x))[0])
        raise Bad(name, f"expected finite numbers, got {values.flat[place]} at place {place}")
    return x


def _base64(name: str, text: str, size: int, what: str) -> bytes:
    if len(text) != 4 * -(-size // 3):
        raise ValueError(f"expected {size} bytes in base64 ({what}), got {len(text)} characters")
    try:
        data = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise ValueError(f"expected base64 ({what})") from None
    if len(data) != size:
        raise ValueError(f"expected {size} bytes ({what}), got {len(data)}")
    return data


def check_text(name: str, value: str) -> None:
    """Names go to the database and into messages: short, printable, no control characters."""
    if not 1 <= len(value) <= MAX_TEXT:
        raise Bad(name, f"expected 1 to {MAX_TEXT} characters, got {len(value)}")
    if not value.isprintable():
        raise Bad(name, "expected printable characters, got a control character or half a surrogate pair")
