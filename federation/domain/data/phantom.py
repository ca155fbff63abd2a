"""Synthetic brain MRI phantoms with tumours, drawn for as many sites and patients as wanted. No patient is behind them.

A phantom is one slice: scalp, skull, grey and white matter, ventricles, and for most patients a bright tumour with an
irregular border. Sites differ in their scanner (gain, bias field, blur, noise); anatomy, tumours and demographics have
the same distribution everywhere. `bias` makes the tumours of one group harder to see, so that an unfair model can be
had on purpose and an audit be tested against a known truth.

Patient `number` of a site depends on (seed, site, number) alone: the training set is a prefix of an endless stream, and
traffic drawn beyond it comes from the same scanner.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from federation.domain.data.dataset import DataError, LoadReport, SiteData, SiteInfo, Task

TASK: Task = "segmentation"
DISADVANTAGED = "female"
TUMOUR_SHARE = 0.85
HIDDEN_CONTRAST = 0.04  # share of a tumour's contrast that is left at bias 1: below the noise
MIN_PX, MAX_PX = 16, 256
MAX_SITES = 9999
GREY_LEVELS = 255  # images are stored with 8 bits, as an export from a scanner would be
_SITE = re.compile(r"phantom-([1-9]\d{0,3})")
# What a random stream is for. Distinct keys keep streams apart: (seed, site, purpose, number).
_SCANNER, _BLOCK, _ANATOMY, _NOISE = range(4)
_BLOCK_CELLS = (("female", "under 60"), ("female", "60 and over"), ("male", "under 60"), ("male", "60 and over"))
_BATCH = 2048  # patients painted at once: bounds the memory of a long stream
_DRAWS = 24  # uniform numbers that describe one patient's anatomy


@dataclass(frozen=True)
class PhantomSource:
    """Synthetic multi-site MRI.

    Attributes
    ----------
    patients : int
        Of all sites together, spread as evenly as possible (the first sites get one more).
    n_sites : int
        Sites ``phantom-1`` to ``phantom-<n_sites>``.
    px : int
        Side of the square images, 16 to 256.
    bias : float
        0: tumours look alike in all groups. 1: those of women are nearly invisible.
    seed : int
    """

    patients: int = 500
    n_sites: int = 4
    px: int = 32
    bias: float = 0.0
    seed: int = 7
    name = "phantom"
    title = "Synthetic brain MRI phantoms with tumours (no real patients)"
    task = TASK
    synthetic = True

    def __post_init__(self) -> None:
        if not 1 <= self.n_sites <= self.patients:
            raise ValueError(f"expected 1 to {self.patients} sites (one a patient at most), got {self.n_sites}")

    def sites(self) -> tuple[SiteInfo, ...]:
        numbers = range(1, self.n_sites + 1)
        return tuple(SiteInfo(f"phantom-{i}", f"Synthetic hospital {i}") for i in numbers)

    def load(self, site: str) -> SiteData:
        """The training set of one site: its patients 0 to n - 1."""
        share, rest = divmod(self.patients, self.n_sites)
        return self.generate(site, first=0, count=share + (self._number(site) <= rest))

    def generate(self, site: str, *, first: int, count: int) -> SiteData:
        """Patients `first` to `first + count - 1` of a site; those beyond the training set are new."""
        self._number(site)
        return generate(site, first=first, count=count, px=self.px, bias=self.bias, seed=self.seed)

    def _number(self, site: str) -> int:
        number = _site_number(site)
        if number > self.n_sites:
            raise _unknown_site(site, f"phantom-1 to phantom-{self.n_sites}")
        return number


def generate(site: str, *, first: int = 0, count: int, px: int = 32, bias: float = 0.0, seed: int = 7) -> SiteData:
    """Draw the synthetic patients `first` to `first + count - 1` of a site.

    Parameters
    ----------
    site : str
        ``phantom-1``, ``phantom-2``, ...; the number picks the scanner.
    first, count : int, >= 0 and >= 1
        The same patient comes out whatever range it is drawn in.
    px : int, 16 to 256
    bias : float in [0, 1]
        The contrast of a woman's tumour is multiplied by 0.04 ** `bias`: by 1 at 0, 0.2 at 0.5, 0.04 at 1, where it
        is below the noise. Nothing else depends on the group.
    seed : int, >= 0

    Returns
    -------
    SiteData
        One slice a patient: `x` of shape (count, 1, px, px), `y` of shape (count, px, px). About 15 % have no tumour.
        Groups: ``sex`` female/male and ``age_band`` under 60 / 60 and over; every four patients hold each combination
        once.

    Raises
    ------
    DataError
        For a site code that is no phantom's.
    ValueError
        For a number outside the ranges above.
    """
    _check(first=first, count=count, px=px, bias=bias, seed=seed)
    site_number = _site_number(site)
    groups = _demographics(seed, site_number, first, count)
    x = np.empty((count, 1, px, px), dtype=np.float32)
    y = np.empty((count, px, px), dtype=np.uint8)
    for start in range(0, count, _BATCH):
        rows = slice(start, min(start + _BATCH, count))
        numbers = range(first + rows.start, first + rows.stop)
        draws = np.stack([np.random.default_rng((seed, site_number, _ANATOMY, n)).random(_DRAWS) for n in numbers])
        visibility = np.where(groups["sex"][rows] == DISADVANTAGED, HIDDEN_CONTRAST**bias, 1.0)
        older = groups["age_band"][rows] == "60 and over"
        clean, y[rows] = _paint(draws, older=older, visibility=visibility, px=px)
        x[rows, 0] = _scan(clean, seed=seed, site_number=site_number, numbers=numbers)
    return SiteData(
        site=site,
        task=TASK,
        record_ids=tuple(f"{site}-{n:07d}" for n in range(first, first + count)),
        x=x,
        y=y,
        patient_index=np.arange(count, dtype=np.int64),
        groups=groups,
        feature_names=("synthetic flair",),
        report=LoadReport(
            found=count,
            used=count,
            notes=(f"synthetic: drawn with seed {seed}, px {px}, bias {bias:g}; no real patient is behind it",),
        ),
    )


def _check(*, first: int, count: int, px: int, bias: float, seed: int) -> None:
    for name, value, low, high in (
        ("first", first, 0, None),
        ("count", count, 1, None),
        ("px", px, MIN_PX, MAX_PX),
        ("bias", bias, 0, 1),
        ("seed", seed, 0, None),
    ):
        if not (value >= low and (high is None or value <= high)):
            upper = "" if high is None else f" and at most {high}"
            raise ValueError(f"expected {name} of at least {low}{upper}, got {value}")


def _site_number(site: str) -> int:
    match = _SITE.fullmatch(site)
    if match is None:
        raise _unknown_site(site, "phantom-1, phantom-2, ...")
    return int(match[1])


def _unknown_site(site: str, expected: str) -> DataError:
    remedy = "Give the code of a synthetic site, or ask for more sites with sites=N."
    return DataError("phantom", expected=f"a site {expected}", got=repr(site), remedy=remedy)


def _demographics(seed: int, site_number: int, first: int, count: int) -> dict[str, NDArray[np.str_]]:
    """Balanced by construction: each block of four patients has every combination once, in random order."""
    blocks = range(first // 4, (first + count - 1) // 4 + 1)
    order = [np.random.default_rng((seed, site_number, _BLOCK, b)).permutation(4) for b in blocks]
    cells = np.array(_BLOCK_CELLS)[np.concatenate(order)][first % 4 :][:count]
    return {"sex": cells[:, 0], "age_band": cells[:, 1]}


def _paint(
    draws: NDArray[np.float64], *, older: NDArray[np.bool_], visibility: NDArray[np.float64], px: int
) -> tuple[NDArray[np.float64], NDArray[np.uint8]]:
    """Noise-free images, shape (n, px, px), intensities in [0, 1], and the tumour masks.

    Coordinates run from -1 to 1 over the image; `draws` are uniform on [0, 1), one row a patient.
    """
    d: Mapping[str, NDArray[np.float64]] = {
        name: (low + (high - low) * draws[:, i])[:, None, None] for i, (name, low, high) in enumerate(_RANGES)
    }
    axis = (np.arange(px) + 0.5) * (2 / px) - 1
    v, u = np.meshgrid(axis, axis, indexing="ij")
    cos, sin = np.cos(d["tilt"]), np.sin(d["tilt"])
    p = ((u - d["x"]) * cos + (v - d["y"]) * sin) / d["width"]
    q = ((v - d["y"]) * cos - (u - d["x"]) * sin) / d["height"]
    radius = np.hypot(p, q)  # 1 on the scalp

    def inside(distance: NDArray[np.float64], edge: NDArray[np.float64] | float) -> NDArray[np.float64]:
        """1 inside, 0 outside, one pixel of transition."""
        return np.clip(0.5 + (edge - distance) * (px / 2) * 0.8, 0, 1)

    image = 0.62 * inside(radius, 1.0)  # scalp
    image += (0.08 - image) * inside(radius, 0.93)  # skull and fluid: dark
    image += (d["grey"] - image) * inside(radius, 0.86)
    fold = 0.70 + 0.04 * np.sin(9 * np.arctan2(q, p) + d["fold"])
    image += (d["white"] - image) * inside(radius, fold)
    texture = np.sin(7 * p + d["t1"]) * np.sin(6 * q + d["t2"]) + np.sin(11 * p - 4 * q + d["t3"])
    image += 0.018 * texture * inside(radius, 0.86)
    grown = 1 + 0.35 * older[:, None, None]  # ventricles widen with age
    for side in (-1, 1):
        ventricle = np.hypot((p - side * d["gap"]) / (0.075 * grown), (q + 0.05) / (d["ventricle"] * grown))
        image += (0.12 - image) * inside(ventricle * 0.1, 0.1)
    distance, edge = _tumour(d, p, q)
    present = d["present"] < TUMOUR_SHARE
    blob = inside(distance, edge) * present * inside(radius, 0.86)
    image += blob * d["contrast"] * visibility[:, None, None]
    mask = (distance < edge) & present & (radius < 0.86)
    return np.clip(image, 0, 1), mask.astype(np.uint8)


_RANGES: tuple[tuple[str, float, float], ...] = (
    *(("x", -0.05, 0.05), ("y", -0.04, 0.04), ("width", 0.74, 0.84), ("height", 0.86, 0.95), ("tilt", -0.18, 0.18)),
    *(("grey", 0.36, 0.42), ("white", 0.27, 0.33), ("fold", 0.0, 2 * np.pi)),
    *(("t1", 0.0, 2 * np.pi), ("t2", 0.0, 2 * np.pi), ("t3", 0.0, 2 * np.pi)),
    *(("gap", 0.11, 0.15), ("ventricle", 0.18, 0.26)),
    *(("present", 0.0, 1.0), ("place", 0.0, 1.0), ("direction", 0.0, 2 * np.pi), ("size", 0.18, 0.36)),
    *(("contrast", 0.28, 0.5), ("lobe2", 0.0, 0.2), ("lobe3", 0.0, 0.12)),
    *(("phase2", 0.0, 2 * np.pi), ("phase3", 0.0, 2 * np.pi)),
)


def _tumour(
    d: Mapping[str, NDArray[np.float64]], p: NDArray[np.float64], q: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Distance of each pixel to the tumour's centre, and the tumour's border in that direction."""
    far = 0.60 * np.sqrt(d["place"])  # uniform over the disc
    a, b = p - far * np.cos(d["direction"]), q - far * np.sin(d["direction"])
    angle = np.arctan2(b, a)
    lobes = d["lobe2"] * np.cos(2 * angle + d["phase2"]) + d["lobe3"] * np.cos(3 * angle + d["phase3"])
    return np.hypot(a, b), d["size"] * (1 + lobes)


def _scan(clean: NDArray[np.float64], *, seed: int, site_number: int, numbers: range) -> NDArray[np.float32]:
    """What the scanner of a site makes of the images: blur, bias field, gain, Rician noise, 8 bits; in [0, 1].

    References
    ----------
    .. [1] Gudbjartsson, Patz (1995). Magn Reson Med 34(6):910-914 (noise of magnitude images is Rician).
    """
    px = clean.shape[-1]
    rng = np.random.default_rng((seed, site_number, _SCANNER))
    gain, sigma, blur = rng.uniform(0.88, 1.12), rng.uniform(0.015, 0.035), rng.uniform(0.35, 0.65)
    tilt_u, tilt_v, bow = rng.uniform(-0.10, 0.10, size=3)
    axis = (np.arange(px) + 0.5) * (2 / px) - 1
    field = 1 + tilt_u * axis[None, :] + tilt_v * axis[:, None] + bow * (axis[None, :] ** 2 + axis[:, None] ** 2 - 1)
    pixels = np.arange(px)
    width = blur * px / 32  # the same blur in the patient whatever the resolution
    kernel = np.exp(-((pixels[:, None] - pixels) ** 2) / (2 * width**2))
    kernel /= kernel.sum(axis=1, keepdims=True)
    noise = np.stack(
        [np.random.default_rng((seed, site_number, _NOISE, n)).standard_normal((2, px, px)) for n in numbers]
    )
    signal = gain * field * (kernel @ clean @ kernel.T)
    magnitude = np.hypot(signal + sigma * noise[:, 0], sigma * noise[:, 1])
    return (np.rint(np.clip(magnitude, 0, 1) * GREY_LEVELS) / GREY_LEVELS).astype(np.float32)
