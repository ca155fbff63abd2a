"""In which layout a board brings its patients: that of the data set that the version was trained on."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from django.utils.translation import gettext as _

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
    options: tuple[tuple[str, int | str], ...] = ()  # of the loader, as the sites set them

    def spec(self, root: Path) -> str:
        query = urlencode(self.options)
        return f"{self.kind}:{root}{'?' if query else ''}{query}"


def layout_of(version: Version) -> Layout | None:
    """The layout; None where `why_none` says why."""
    from federation.domain.data.registry import open_source  # numpy and the readers of images

    found = [manifest.content for manifest in manifests_of(version)]
    if why_none(version):
        return None
    kind = found[0]["source"]
    source = open_source(f"{kind}:.")
    return Layout(
        kind, source.title, tuple((site.code, site.name) for site in source.sites()), tuple(found[0]["shape"]),
        frozenset(content["sha256"] for content in found), _options(found[0]),
    )  # fmt: skip


def _options(content: dict[str, Any]) -> tuple[tuple[str, int | str], ...]:
    """What the site's loader was told; a manifest of before that was stated shows the size of its images alone."""
    from federation.domain.data.registry import KINDS

    stated, shape = dict(content.get("options", {})), content["shape"]
    if len(shape) > 1 and "px" in KINDS[content["source"]].options:
        stated.setdefault("px", shape[-1])
    return tuple(sorted(stated.items()))


def why_none(version: Version) -> str:
    """Why no board can bring patients to this version; empty if one can."""
    from federation.domain.data.registry import KINDS

    manifests = [manifest.content for manifest in manifests_of(version)]
    kinds = sorted({content["source"] for content in manifests})
    if len(kinds) != 1:
        got = ", ".join(kinds) or _("none")
        return _(
            "A board brings patients in the layout of the one data set that a version was trained on; got %(got)s."
        ) % {"got": got}
    if kinds[0] not in KINDS:
        return _("This version was trained on data of the kind %(kind)s, which this release cannot read.") % {
            "kind": repr(kinds[0])
        }
    if not KINDS[kinds[0]].needs_path:
        return _(
            "This version was trained on drawn data (%(kind)s): there are no files whose layout a board could "
            "follow, and no patients that the model is meant for. Audit a version that was trained on files."
        ) % {"kind": kinds[0]}
    if len({_options(content) for content in manifests}) > 1:
        return _(
            "The sites of this version read their files with different options of the loader, so there is no one way "
            "in which a board's files could be read. Audit a version whose sites read alike."
        )
    return ""


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
