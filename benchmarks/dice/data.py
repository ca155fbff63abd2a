"""The patients of the comparison, folded by a hash of their ids: dealt out in its order, site after site.

Fold 0 selects (sizes, learning rates, augmentation) and is never reported. Folds 1 to 3 are reported, each held out
once: its models have trained on the three other folds. Nothing was chosen by a score of theirs.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np

from benchmarks.frame import ROOT
from federation.domain.data.dataset import LoadReport, SiteData
from federation.domain.data.volumes import as_slabs, with_context

LGG = ROOT.parent / "shared" / "data" / "lgg"
PX, SLAB = 64, 16
FOLDS = 4
CHOOSING, REPORTED = 0, (1, 2, 3)
LEVELS = 4 * 255  # means of four pixels of 8 bits, exactly


def folds(held: Mapping[str, SiteData]) -> dict[str, int]:
    """The fold of each patient, from the ids alone; folds are of equal size, and so are a site's parts of them."""
    names = [name for code in sorted(held) for name in sorted(held[code].record_ids, key=_hashed)]
    return {name: number % FOLDS for number, name in enumerate(names)}


def _hashed(name: str) -> str:
    return hashlib.sha256(f"dice:{name[:12].upper()}".encode()).hexdigest()


@cache
def sites(path: Path = LGG) -> Mapping[str, SiteData]:
    """The five institutions at 64 px: a folder in the set's own layout, or a file that `pack` wrote."""
    if path.suffix == ".npz":
        return unpack(path)
    from federation.domain.data.lgg import LggSource

    source = LggSource(path, px=PX)
    return {site.code: source.load(site.code) for site in source.sites()}


def pack(path: Path, folder: Path = LGG) -> None:
    """The set as one file for a machine without it: images as whole numbers, without loss."""
    held = {}
    for code, data in sites(folder).items():
        held |= {
            f"{code}.x": np.rint(data.x * LEVELS).astype(np.uint16), f"{code}.y": data.y,
            f"{code}.patient": data.patient_index, f"{code}.ids": np.array(data.record_ids),
        }  # fmt: skip
    np.savez_compressed(path, **held)


def unpack(path: Path) -> dict[str, SiteData]:
    file = np.load(path)
    names = ("pre-contrast", "flair", "post-contrast")
    found = {}
    for code in sorted({name.partition(".")[0] for name in file.files}):
        ids = tuple(file[f"{code}.ids"].tolist())
        found[code] = SiteData(
            code, "segmentation", ids, (file[f"{code}.x"] / LEVELS).astype(np.float32), file[f"{code}.y"],
            file[f"{code}.patient"], {}, names, LoadReport(len(ids), len(ids)),
        )  # fmt: skip
    return found


def pooled(held: Mapping[str, SiteData], site: str = "all") -> SiteData:
    """All institutions as one, as a central training would have them."""
    parts = list(held.values())
    starts = np.cumsum([0, *(part.n_patients for part in parts)])
    return replace(
        parts[0],
        site=site,
        record_ids=tuple(name for part in parts for name in part.record_ids),
        x=np.concatenate([part.x for part in parts]),
        y=np.concatenate([part.y for part in parts]),
        patient_index=np.concatenate([part.patient_index + start for part, start in zip(parts, starts, strict=False)]),
        groups={},
    )


def split(held: Mapping[str, SiteData], fold: int) -> tuple[dict[str, SiteData], dict[str, SiteData]]:
    """Each site's patients outside the fold and in it; sites without a patient are left out."""
    inside, outside, dealt = {}, {}, folds(held)
    for code, data in held.items():
        is_in = np.array([dealt[name] == fold for name in data.record_ids])
        for parts, chosen in ((inside, is_in), (outside, ~is_in)):
            if chosen.any():
                parts[code] = data.take(np.flatnonzero(chosen).astype(np.int64))
    return outside, inside


def prepared(data: SiteData, *, context: int = 0, slab: int = 0) -> SiteData:
    return as_slabs(data, slab) if slab else with_context(data, context)
