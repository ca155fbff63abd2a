"""BraTS: multi-institutional MRI of gliomas in four modalities with outlined tumours, as published from 2017 to 2023.

`brats_layout` says which folders and tables are read, `brats_volume` what becomes of a patient's volumes. Volumes are
opened by a confined process (`guarded_reader`).

A site is whoever contributed the scan, where the set tells it; where it does not, or where one asks for so many
sites, a patient belongs to the simulated site that a hash of the scan's name picks.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from federation.domain.data.brats_layout import CONTRIBUTORS, UNKNOWN_SITE, Layout, Scan, read_layout
from federation.domain.data.brats_volume import CHANNELS, PatientRefused, Slices, read_patient
from federation.domain.data.dataset import (
    UNKNOWN,
    DataError,
    LoadReport,
    Refusal,
    SiteData,
    SiteInfo,
    Task,
    simulated_site,
)
from federation.domain.data.demographics import age_band, missing_notes
from federation.domain.data.guarded_reader import GuardedReader

TASK: Task = "segmentation"
DEFAULT_PX, FULL_PX, DEFAULT_SLICES, MAX_SITES = 64, 240, 16, 64


@dataclass(frozen=True)
class BratsSource:
    """One year's BraTS set in a folder.

    Attributes
    ----------
    root : Path
        Holds the patients' folders, at whatever depth the archive has them, and its tables.
    px : int, 16 to 240
        Side of the square images to return.
    slices : int
        Axial slices a patient, evenly over the brain; a brain with fewer gives all.
    region : "whole", "core" or "enhancing"
        What is outlined: the whole tumour, the tumour without oedema, or its enhancing part.
    n_sites : int or None
        None: a site is a contributor. Else sites ``brats-1`` to ``brats-<n_sites>`` are simulated.
    """

    root: Path
    px: int = DEFAULT_PX
    slices: int = DEFAULT_SLICES
    region: str = "whole"
    n_sites: int | None = None
    name = "brats"
    title = "BraTS glioma MRI (four modalities)"
    task = TASK
    synthetic = False

    def sites(self) -> tuple[SiteInfo, ...]:
        """The contributors of the folder's scans; of a folder without scans, all that the sets name."""
        if self.n_sites is not None:
            return tuple(SiteInfo(f"brats-{i}", f"BraTS, simulated site {i}") for i in range(1, self.n_sites + 1))
        try:
            known: Sequence[str] = sorted({scan.contributor for scan in read_layout(self.root).scans})
        except DataError:
            known = CONTRIBUTORS
        return tuple(SiteInfo(f"brats-{who}", _site_name(who)) for who in known)

    def load(self, site: str) -> SiteData:
        """Load one site.

        Returns
        -------
        SiteData
            `x` of shape (m, 4, px, px): `CHANNELS`, each scaled between the 1st and the 99.5th percentile of the
            patient's own brain voxels. `y` of shape (m, px, px): 1 where at least half of the pixel is of the region.
            Patients in the order of their scans' names. Groups: ``age_band`` and, where the set tells it, ``grade``.

        Raises
        ------
        DataError
            For an unknown or empty site, a folder that is no BraTS set, or a damaged table. A patient whose volumes
            are not as documented is refused alone, and counted in the report.
        """
        layout = read_layout(self.root)
        mine = self._scans_of(site, layout)
        used, volumes, refused = self._read(mine)
        if not used:
            first = refused[0]
            got = (
                f"{len(mine)} patients who are all refused, the first, {first.file}, for {first.reason}: {first.detail}"
            )
            remedy = "Mend what they are refused for, or give another set."
            raise DataError(str(self.root), expected=f"patients of {site} who can be used", got=got, remedy=remedy)
        groups = _groups(used, layout)
        lengths = [len(volume.x) for volume in volumes]
        return SiteData(
            site=site,
            task=self.task,
            record_ids=tuple(scan.folder.name for scan in used),
            x=np.concatenate([volume.x for volume in volumes]),
            y=np.concatenate([volume.y for volume in volumes]),
            patient_index=np.repeat(np.arange(len(used), dtype=np.int64), lengths),
            groups=groups,
            feature_names=CHANNELS,
            report=LoadReport(
                found=len(mine),
                used=len(used),
                refused=tuple(refused),
                notes=(*self._notes(layout, volumes), *missing_notes(groups)),
            ),
        )

    def _scans_of(self, site: str, layout: Layout) -> list[Scan]:
        if self.n_sites is None:
            mine = [scan for scan in layout.scans if site == f"brats-{scan.contributor}"]
            known = sorted({f"brats-{scan.contributor}" for scan in layout.scans})
            remedy = "Ask for simulated sites with sites=N where the set does not say who contributed a scan."
        else:
            places = {f"brats-{i + 1}": i for i in range(self.n_sites)}
            place = places.get(site, -1)
            mine = [scan for scan in layout.scans if simulated_site(scan.patient, self.n_sites) == place]
            known, remedy = list(places), "Ask for more or fewer with sites=N."
        if not mine:
            expected = f"a site with scans among {', '.join(known)}"
            raise DataError(str(self.root), expected=expected, got=repr(site), remedy=remedy)
        return mine

    def _read(self, scans: Sequence[Scan]) -> tuple[list[Scan], list[Slices], list[Refusal]]:
        used: list[Scan] = []
        volumes: list[Slices] = []
        refused: list[Refusal] = []
        with GuardedReader("nifti") as reader:
            for scan in scans:
                try:
                    volumes.append(read_patient(reader, scan, px=self.px, slices=self.slices, region=self.region))
                    used.append(scan)
                except PatientRefused as error:
                    refused.append(Refusal(scan.folder.name, None, error.reason, error.detail))
        return used, volumes, refused

    def _notes(self, layout: Layout, volumes: Sequence[Slices]) -> list[str]:
        if self.n_sites is None:
            where = "site: who contributed the scan, as the set tells it"
        else:
            where = f"simulated site: SHA-256 of the patient's name in the set modulo {self.n_sites}"
        slices, lost = sum(len(volume.x) for volume in volumes), sum(volume.vanished for volume in volumes)
        notes = [
            f"BraTS {layout.year}; outlined: {self.region} tumour",
            where,
            f"subsample of {self.slices} slices a patient, evenly over the brain: {slices} slices read",
        ]
        if layout.unread:
            notes.append(f"not read: {layout.unread} folders of the whole set whose names are of no year's scans")
        if layout.later_visits:
            notes.append(f"later visits of the same patients left out: {layout.later_visits} scans of the whole set")
        if lost:
            notes.append(f"the tumour of {lost} of {slices} slices is so small that none of it is left at this size")
        return notes


def _groups(scans: Sequence[Scan], layout: Layout) -> dict[str, NDArray[np.str_]]:
    ages = layout.ages or {}
    groups = {"age_band": np.array([age_band(ages.get(scan.folder.name.lower())) for scan in scans])}
    if any(scan.grade for scan in layout.scans):
        groups["grade"] = np.array([scan.grade or UNKNOWN for scan in scans])
    return groups


def _site_name(who: str) -> str:
    return "BraTS, contributor not told" if who == UNKNOWN_SITE else f"BraTS, {who.replace('-', ' ').upper()}"
