"""MIMIC-CXR-JPG 2: chest radiographs of one hospital with labels read from their reports, in the layout of PhysioNet.

::

    ROOT/mimic-cxr-2.0.0-metadata.csv.gz             one row an image: patient, study, view, date
    ROOT/mimic-cxr-2.0.0-chexpert.csv.gz             one row a study: fourteen observations
    ROOT/files/p10/p10000032/s50414267/<dicom>.jpg   8-bit grey, histogram-equalised by the publishers; or <dicom>.dcm
    ROOT/hosp/{patients,admissions}.csv.gz           of MIMIC-IV (core/ up to 1.0); a link will do

Tables may also lie there uncompressed. All patients are of one hospital, so the sites are simulated: a patient belongs
to the site that a hash of his id picks. The set's own split is not read, because each site splits its own patients.

A record is a patient, through his earliest frontal radiograph, read from the JPEG or, where there is none, the DICOM of
MIMIC-CXR. The image becomes the means of px x px equal areas. They stay an image (`form`), for the networks of
`models.chest`, or each is told in two features, for the tabular classifiers: how much brighter than mid-grey it is, and
how much darker, both in [0, 1]. Nothing is learned from the data. (The plain mean has half of every feature alike for
all patients. On synthetic effusions, under the default privacy noise, the quantum classifier then reached an accuracy
of 0.51 and 0.63; so encoded, 0.65 in three runs of three, which is all that could be learned.)

References
----------
.. [1] Johnson et al. (2024). MIMIC-CXR-JPG 2.1.0. PhysioNet, doi:10.13026/jsn5-t979 (credentialed access).
.. [2] Seyyed-Kalantari et al. (2021). Nature Medicine 27:2176-2182 (underdiagnosis by sex and race on this set).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from federation.domain.data.dataset import DataError, LoadReport, Refusal, SiteData, SiteInfo, Task, simulated_site
from federation.domain.data.guarded_reader import GuardedReader
from federation.domain.data.image_files import area_mean
from federation.domain.data.mimic_demographics import groups_of
from federation.domain.data.mimic_pixels import Radiographs
from federation.domain.data.mimic_studies import (
    ANY_FINDING,
    CONTRADICTORY,
    LABELS,
    UNCERTAIN,
    UNMENTIONED,
    Radiograph,
    earliest_frontal,
    labels_of,
)

TASK: Task = "classification"
LABEL_CHOICES = (ANY_FINDING, *LABELS)
UNCERTAIN_CHOICES = ("drop", "positive", "negative")
FORM_CHOICES = ("areas", "image")
MAX_SITES, DEFAULT_PX = 64, 8
MIN_PX, MAX_PX = 4, 256
_PX_OF_FORM = {"areas": (MIN_PX, 32), "image": (16, MAX_PX)}
WHITE = np.float32(255)
MID_GREY = 127.5  # of 0 to 255; the mean of an image whose histogram is equalised
_PIXELS_PER_AREA = 8  # a side, at least, where the file has them: large files are decoded at 1/2, 1/4 or 1/8
_REMEDY = "Give the folder of MIMIC-CXR-JPG 2 that holds files/ and the tables mimic-cxr-2.0.0-*.csv.gz."


@dataclass(frozen=True)
class MimicCxrSource:
    """MIMIC-CXR-JPG, split into simulated sites.

    Attributes
    ----------
    root : Path
        As above. Whole folders ``files/p10`` to ``files/p19`` may be absent; their patients are then left out.
    label : str
        ``any_finding`` (whatever the report names, support devices apart; flagging too few of a group's ill patients
        is underdiagnosis), or one observation: ``pleural_effusion``, ``pneumonia``, ...
    uncertain : "drop", "positive" or "negative"
        What becomes of patients whose report is unsure.
    n_sites : int
        Sites ``mimic-cxr-1`` to ``mimic-cxr-<n_sites>``.
    px : int, 4 to 32, or as an image 16 to 256
        Areas a side: a record has 2 * px * px features, or is an image of px x px pixels.
    patients : int or None
        A declared subset for trials, of all sites together: those with the lowest ids. Ids were drawn at random.
    form : "areas" or "image"
        What the model gets: features of the areas, or the areas as an image.
    """

    root: Path
    label: str = ANY_FINDING
    uncertain: str = "drop"
    n_sites: int = 4
    px: int = DEFAULT_PX
    patients: int | None = None
    form: str = "areas"
    name = "mimic_cxr"
    title = "MIMIC-CXR chest radiographs (one hospital, simulated sites)"
    task = TASK
    synthetic = False

    def __post_init__(self) -> None:
        low, high = _PX_OF_FORM[self.form]
        if not low <= self.px <= high or (self.form == "image" and self.px % 4):
            step = " and a multiple of 4" if self.form == "image" else ""
            raise ValueError(f"form={self.form} with px={self.px}, which takes px from {low} to {high}{step}")

    def sites(self) -> tuple[SiteInfo, ...]:
        numbers = range(1, self.n_sites + 1)
        return tuple(SiteInfo(f"mimic-cxr-{i}", f"MIMIC-CXR, simulated site {i}") for i in numbers)

    def load(self, site: str) -> SiteData:
        """Load one simulated site.

        Returns
        -------
        SiteData
            `x` as an image of shape (n, 1, px, px), 0 black and 1 white, stretched to a square; as areas of shape
            (n, 2 * px * px): for the area means of the image stretched to a square, row by row from the
            upper left, first the brightness over mid-grey (1 white, 0 grey or darker), then the darkness under it (1
            black, 0 grey or brighter). `y` is 1 where the label is present. Patients in the order of their ids.
            Groups: ``sex``, ``race`` (see `mimic_demographics`) and ``age_band`` at the radiograph.

        Raises
        ------
        DataError
            For an unknown or empty site, a missing or damaged table or image, or a value that is not documented.
        """
        codes = [s.code for s in self.sites()]
        if site not in codes:
            expected = f"a site from {codes[0]} to {codes[-1]}"
            raise DataError(str(self.root), expected=expected, got=repr(site), remedy="Ask for more with sites=N.")
        candidates, selection_notes = self._candidates(codes.index(site))
        truth, refused, label_notes = self._truth(candidates)
        if not truth:
            expected, got = f"patients of {site} with a frontal radiograph and a label", f"none of {len(candidates)}"
            raise DataError(str(self.root), expected=expected, got=got, remedy=_REMEDY)
        used = {subject: image for subject, image in candidates.items() if image is not None and subject in truth}
        x, image_notes = self._images(used)
        groups, demographic_notes = groups_of(self.root, {subject: image.year for subject, image in used.items()})
        return SiteData(
            site=site,
            task=self.task,
            record_ids=tuple(f"p{subject}" for subject in used),
            x=x,
            y=np.array([truth[subject] for subject in used], dtype=np.int64),
            patient_index=np.arange(len(used), dtype=np.int64),
            groups=groups,
            feature_names=self._feature_names(),
            report=LoadReport(
                found=len(candidates),
                used=len(used),
                refused=refused,
                notes=(*selection_notes, *label_notes, *image_notes, *demographic_notes),
            ),
        )

    def _candidates(self, site_index: int) -> tuple[dict[str, Radiograph | None], list[str]]:
        """The patients of a site in the order of their ids, and how they were chosen."""
        everybody = earliest_frontal(self.root)
        present = {folder.name[1:] for folder in (self.root / "files").glob("p1[0-9]") if folder.is_dir()}
        here = sorted(subject for subject in everybody if subject[:2] in present)
        chosen = here[: self.patients]
        mine = {
            subject: everybody[subject] for subject in chosen if simulated_site(subject, self.n_sites) == site_index
        }
        notes = [
            f"simulated site: SHA-256 of the patient's id modulo {self.n_sites}; all patients are of one hospital",
            *([f"subset of the {len(chosen)} lowest of {len(here)} patient ids"] if len(chosen) < len(here) else []),
        ]
        if len(here) < len(everybody):
            absent = f"{len(everybody) - len(here)} of {len(everybody)} patients"
            notes.append(f"partial copy: {absent} left out, whose folders files/p10 to files/p19 are not here")
        return mine, notes

    def _truth(
        self, candidates: Mapping[str, Radiograph | None]
    ) -> tuple[dict[str, int], tuple[Refusal, ...], list[str]]:
        """Label by patient, the patients who have none, and the rules that decided."""
        studies = {image.study: subject for subject, image in candidates.items() if image is not None}
        said = labels_of(self.root, studies, self.label) if studies else {}
        ruled: dict[str, int] = {"positive": {UNCERTAIN: 1}, "negative": {UNCERTAIN: 0}}.get(self.uncertain, {})
        if self.label != ANY_FINDING:
            ruled = {**ruled, UNMENTIONED: 0}
        truth: dict[str, int] = {}
        refused: list[Refusal] = []
        decided: Counter[str] = Counter()
        for subject, image in candidates.items():
            reading = "no frontal radiograph (PA or AP)" if image is None else said.get(image.study, "no row of labels")
            if isinstance(reading, str):
                if reading not in ruled:
                    reason = f"label {reading}" if reading in (UNCERTAIN, UNMENTIONED, CONTRADICTORY) else reading
                    refused.append(Refusal(f"files/p{subject[:2]}/p{subject}", None, reason))
                    continue
                decided[reading] += 1
                reading = ruled[reading]
            truth[subject] = reading
        notes = [f"label {self.label}, of the earliest frontal study of each patient; uncertain: {self.uncertain}"]
        notes += [
            f"label {reading} for {count} of {len(truth)} patients, taken as {ruled[reading]}"
            for reading, count in sorted(decided.items())
        ]
        return truth, tuple(refused), notes

    def _images(self, used: Mapping[str, Radiograph]) -> tuple[NDArray[np.float32], list[str]]:
        """One image in memory at a time."""
        means = np.empty((len(used), self.px, self.px), dtype=np.float32)
        with GuardedReader("dicom") as reader:
            radiographs = Radiographs(reader)
            for row, (subject, image) in enumerate(used.items()):
                path = self.root / image.path(subject)
                pixels = radiographs.read(path, least=self.px, enough=self.px * _PIXELS_PER_AREA)
                means[row] = area_mean(pixels, self.px)
        what = f"means of {self.px} x {self.px} equal areas of the whole image"
        notes = [f"images: {what}"] if self.form == "image" else [f"features: {what}, over and under mid-grey"]
        if radiographs.from_dicom:
            notes.append(
                f"{radiographs.from_dicom} of {len(used)} radiographs read from DICOM, greyed as the JPEGs were"
            )
        if self.form == "image":
            return np.clip(means[:, None] / WHITE, 0, 1), notes
        over = means.reshape(len(used), -1) / MID_GREY - 1
        return np.clip(np.concatenate([over, -over], axis=1), 0, 1), notes

    def _feature_names(self) -> tuple[str, ...]:
        if self.form == "image":
            return ("radiograph",)
        places = [f"row {i + 1} column {j + 1}" for i in range(self.px) for j in range(self.px)]
        return tuple(f"{side} {place}" for side in ("bright", "dark") for place in places)
