"""From a line of configuration to a data source, and from a site's data to the facts that may leave the site.

A spec is ``name:path?option=value&option=value``: ``heart:/data/heart`` or ``heart:/data/heart?columns=age,cp_4``,
``lgg:/data/kaggle_3m?px=64&slices=6``, ``brats:/data/brats?region=core``,
``mimic_cxr:/data/mimic?label=pneumonia&sites=4``, ``phantom`` or ``phantom:?patients=500&sites=4&bias=0.0&seed=7``. To
add a set: one file with a `Source`, one entry in `KINDS`.
"""

from __future__ import annotations

import hashlib
import math
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields, is_dataclass
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

import numpy as np
from numpy.typing import NDArray

from federation.domain.data import brats, brats_volume, heart, lgg, mimic_cxr, phantom
from federation.domain.data.brats import BratsSource
from federation.domain.data.dataset import DataError, SiteData, Source
from federation.domain.data.heart import HeartSource
from federation.domain.data.lgg import LggSource
from federation.domain.data.mimic_cxr import MimicCxrSource
from federation.domain.data.phantom import PhantomSource

MANIFEST_FORMAT = "qflethics/site-data/v1"
_ABOUT_PATIENTS = frozenset({"sites", "patients", "bias", "seed"})  # options that say who is there, not how it is read


@dataclass(frozen=True)
class Option:
    """A number that a spec may set, and its range (both ends allowed)."""

    type: type[int] | type[float]
    low: float
    high: float

    def describe(self) -> str:
        kind = "a whole number" if self.type is int else "a number"
        return f"{kind} from {self.low:g} to {self.high:.10g}"

    def parse(self, text: str) -> int | float | None:
        """The value, or None if the text is no such number."""
        try:
            value = self.type(text)
        except ValueError:
            return None
        plain = text.isascii() and "_" not in text and text == text.strip()
        return value if plain and math.isfinite(value) and self.low <= value <= self.high else None


@dataclass(frozen=True)
class Choice:
    """A word that a spec may set, among a few."""

    words: tuple[str, ...]

    def describe(self) -> str:
        return f"one of {', '.join(self.words)}"

    def parse(self, text: str) -> str | None:
        """The word, or None if it is none of them."""
        return text if text in self.words else None


@dataclass(frozen=True)
class Some:
    """Some words of several, with commas between them."""

    words: tuple[str, ...]

    def describe(self) -> str:
        return f"some of {', '.join(self.words)}, each once, with commas between them"

    def parse(self, text: str) -> tuple[str, ...] | None:
        """The words in the order of all of them, or None if one is unknown or stands twice."""
        given = text.split(",")
        found = tuple(word for word in self.words if word in given)
        return found if len(found) == len(given) else None


@dataclass(frozen=True)
class Kind:
    """One data set: what its spec may say and how it is opened."""

    open: Callable[[Path, Mapping[str, Any]], Source]
    needs_path: bool
    options: Mapping[str, Option | Choice | Some]


def _fields(options: Mapping[str, Any]) -> dict[str, Any]:
    """Of a source with `n_sites`: its method `sites` has the name of the option."""
    return {"n_sites" if name == "sites" else name: value for name, value in options.items()}


KINDS: Mapping[str, Kind] = {
    "brats": Kind(
        lambda path, options: BratsSource(path, **_fields(options)),
        needs_path=True,
        options={
            "px": Option(int, 16, brats.FULL_PX),
            "slices": Option(int, 1, 155),
            "region": Choice(brats_volume.REGIONS),
            "sites": Option(int, 1, brats.MAX_SITES),
        },
    ),
    "heart": Kind(
        lambda path, options: HeartSource(path, **options), needs_path=True, options={"columns": Some(heart.FEATURES)}
    ),
    "lgg": Kind(
        lambda path, options: LggSource(path, **options),
        needs_path=True,
        options={
            "px": Option(int, 16, lgg.FULL_PX),
            "slices": Option(int, 1, 10_000),
            "context": Option(int, 0, 3),
            "slab": Option(int, 0, 128),
        },
    ),
    "mimic_cxr": Kind(
        lambda path, options: MimicCxrSource(path, **_fields(options)),
        needs_path=True,
        options={
            "label": Choice(mimic_cxr.LABEL_CHOICES),
            "uncertain": Choice(mimic_cxr.UNCERTAIN_CHOICES),
            "sites": Option(int, 1, mimic_cxr.MAX_SITES),
            "px": Option(int, mimic_cxr.MIN_PX, mimic_cxr.MAX_PX),
            "patients": Option(int, 1, 1_000_000),
            "form": Choice(mimic_cxr.FORM_CHOICES),
        },
    ),
    "phantom": Kind(
        lambda _, options: PhantomSource(**_fields(options)),
        needs_path=False,
        options={
            "patients": Option(int, 1, 1_000_000),
            "sites": Option(int, 1, phantom.MAX_SITES),
            "px": Option(int, phantom.MIN_PX, phantom.MAX_PX),
            "bias": Option(float, 0, 1),
            "seed": Option(int, 0, 2**32 - 1),
        },
    ),
}


def open_source(spec: str) -> Source:
    """Open a data source by its spec. Nothing is read before `load`.

    Parameters
    ----------
    spec : str
        ``name``, ``name:path`` or ``name:path?option=value&...``; the path is taken as it stands, without escapes.

    Raises
    ------
    DataError
        With the spec as its file, for an unknown set, option or value; the message says what is accepted.
    """
    name, _, rest = spec.partition(":")
    if name not in KINDS:
        expected = "a data set named " + ", ".join(sorted(KINDS))
        raise DataError(spec, expected=expected, got=repr(name), remedy=_remedy())
    kind = KINDS[name]
    path, _, query = rest.rpartition("?") if "?" in rest else (rest, "", "")
    if kind.needs_path != bool(path):
        expected = f"a folder after {name}:" if kind.needs_path else f"no folder for {name}, whose data are drawn"
        raise DataError(spec, expected=expected, got=repr(path) if path else "none", remedy=_remedy(name))
    options = _options(spec, name, query)
    try:
        return kind.open(Path(path), options)
    except ValueError as error:  # options that are fine alone and not together
        raise DataError(spec, expected="options that fit together", got=str(error), remedy=_remedy(name)) from error


def _options(spec: str, name: str, query: str) -> dict[str, int | float | str | tuple[str, ...]]:
    accepted = KINDS[name].options
    options: dict[str, int | float | str | tuple[str, ...]] = {}
    try:
        pairs = parse_qsl(query, keep_blank_values=True, strict_parsing=True) if query else []
    except ValueError as error:
        raise DataError(spec, expected="option=value&option=value", got=repr(query), remedy=_remedy(name)) from error
    for key, text in pairs:
        if key not in accepted or key in options:
            expected = f"an option among {', '.join(accepted)}" if accepted else f"no options for {name}"
            got = f"{key!r} twice" if key in options else repr(key)
            raise DataError(spec, expected=expected, got=got, remedy=_remedy(name))
        value = accepted[key].parse(text)
        if value is None:
            raise DataError(spec, expected=f"{key} as {accepted[key].describe()}", got=repr(text), remedy=_remedy(name))
        options[key] = value
    return options


def _remedy(name: str | None = None) -> str:
    names = [name] if name else sorted(KINDS)
    return "Write " + " or ".join(_form(n) for n in names) + "."


def _form(name: str) -> str:
    kind = KINDS[name]
    options = "&".join(f"{key}=..." for key in kind.options)
    return name + (":FOLDER" if kind.needs_path else ":" if options else "") + (f"?{options}" if options else "")


def manifest(source: Source, data: SiteData) -> dict[str, Any]:
    """The facts of a site's data that a run is frozen with: strings and whole numbers only, and no patient's id.

    `sha256` pins every array, the order of the patients and their ids (see `digest`); it changes if any of them does.
    Refusals are counted by reason, because the file of a refused patient may carry the patient's id.
    """
    report = data.report
    reasons = Counter(refusal.reason for refusal in report.refused)
    return {
        "format": MANIFEST_FORMAT,
        "source": source.name,
        "title": source.title,
        "synthetic": source.synthetic,
        "site": data.site,
        "task": data.task,
        "n_patients": data.n_patients,
        "n_rows": len(data.x),
        "shape": [int(side) for side in data.x.shape[1:]],
        "groups": {
            name: dict(sorted(Counter(values.tolist()).items())) for name, values in sorted(data.groups.items())
        },
        "feature_names": list(data.feature_names),
        "report": {
            "found": report.found,
            "used": report.used,
            "imputed": dict(sorted(report.imputed.items())),
            "refused": dict(sorted(reasons.items())),
            "notes": list(report.notes),
        },
        "sha256": digest(data),
        # Absent where they are the defaults, so that what was stated before there were any is stated still.
        **({"options": options} if (options := options_of(source)) else {}),
    }


def options_of(source: Source) -> dict[str, int | str]:
    """What a source was told about how patients become rows, other than the defaults; not which patients they are."""
    usual: dict[str, Any] = {one.name: one.default for one in fields(source)} if is_dataclass(source) else {}
    found = {}
    for name in KINDS[source.name].options if source.name in KINDS else ():
        if name not in _ABOUT_PATIENTS and (value := getattr(source, name)) != usual[name]:
            found[name] = ",".join(value) if isinstance(value, tuple) else value
    return dict(sorted(found.items()))


def digest(data: SiteData) -> str:
    """SHA-256, in hex, over the ids and arrays of a site.

    The input is `MANIFEST_FORMAT` and a newline, then for each of x, y, patient_index, ids and every group attribute in
    alphabetical order: a line "<name> <type> <shape>" and the values in row-major order. Types are pinned: ``<f4`` for
    x, ``<i8`` for y and patient_index; texts are UTF-8, each after its length in bytes as ``<i8``.
    """
    hasher = hashlib.sha256(f"{MANIFEST_FORMAT}\n".encode())
    arrays: tuple[tuple[str, NDArray, str], ...] = (
        ("x", data.x, "<f4"),
        ("y", data.y, "<i8"),
        ("patient_index", data.patient_index, "<i8"),
    )
    for name, values, dtype in arrays:
        hasher.update(f"{name} {dtype} {values.shape}\n".encode())
        hasher.update(np.ascontiguousarray(values, dtype=dtype).tobytes())
    _add_texts(hasher, "ids", data.record_ids)
    for name, groups in sorted(data.groups.items()):
        _add_texts(hasher, f"group {name}", tuple(groups.tolist()))
    return hasher.hexdigest()


def _add_texts(hasher: hashlib._Hash, name: str, texts: tuple[str, ...]) -> None:
    hasher.update(f"{name} text ({len(texts)},)\n".encode())
    for text in texts:
        raw = text.encode()
        hasher.update(np.array(len(raw), dtype="<i8").tobytes() + raw)
