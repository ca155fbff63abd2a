"""In which layout a board brings its patients: that of the data set that the version was trained on."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from models_registry.models import Version
from models_registry.policies import manifests_of

if TYPE_CHECKING:
    from federation.domain.data.dataset import SiteData

SITE = "board"  # what the checks call these patients' hospital


@dataclass(frozen=True)
class Layout:
    """What the files must be, and what the model expects of each row."""

    kind: str
    title: str
    sites: tuple[tuple[str, str], ...]  # code, name
    shape: tuple[int, ...]
    trained_on: frozenset[str]  # digests of the sites' own data

    def spec(self, root: Path) -> str:
        from federation.domain.data.registry import KINDS

        resolution = f"?px={self.shape[-1]}" if "px" in KINDS[self.kind].options else ""
        return f"{self.kind}:{root}{resolution}"


def layout_of(version: Version) -> Layout | None:
    """The layout, or None if the version's data set is drawn and not read from files, or is not known here."""
    from federation.domain.data.registry import KINDS, open_source  # numpy and the readers of images

    found = [manifest.content for manifest in manifests_of(version)]
    kinds = {content["source"] for content in found}
    if len(kinds) != 1 or (kind := kinds.pop()) not in KINDS or not KINDS[kind].needs_path:
        return None
    source = open_source(f"{kind}:.")
    return Layout(
        kind, source.title, tuple((site.code, site.name) for site in source.sites()), tuple(found[0]["shape"]),
        frozenset(content["sha256"] for content in found),
    )  # fmt: skip


def load(layout: Layout, root: Path, site: str) -> tuple[SiteData, dict[str, Any]]:
    """A board's patients and the facts of them that are kept.

    Raises
    ------
    DataError
        In the loader's words; or if they are a hospital's training data, or of another shape than the model's.
    """
    from federation.domain.data.dataset import DataError
    from federation.domain.data.registry import manifest, open_source

    source = open_source(layout.spec(root))
    data = source.load(site)
    facts = manifest(source, data)
    if facts["sha256"] in layout.trained_on:
        raise DataError(
            "the data set", expected="patients that no hospital trained on", got="a hospital's own data set",
            remedy="Bring patients that you held out yourselves.",
        )  # fmt: skip
    if tuple(facts["shape"]) != layout.shape:
        raise DataError(
            "the data set", expected=f"records of shape {list(layout.shape)}", got=str(facts["shape"]),
            remedy="Bring data in the layout of the model's data set.",
        )  # fmt: skip
    return replace(data, site=SITE), {**facts, "site": SITE}
