"""LIME explanations of an image model, made at the site; only scores leave it.

A segmentation model is explained through one number, the image's lesion score. LIME's default segmenter finds one or
two parts in a small grey image, which leaves nothing to explain, so the parts are ours: a grid or SLIC, fixed in
advance because the score depends on it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from audits.domain.explain.score import MIN_DROP, RecordScore, faithfulness, finite, lesion_mass, rcf, stability

Floats = NDArray[np.float64]
Image = NDArray[np.float32]
Predict = Callable[[Image], NDArray[np.floating]]
RANDOM_SETS = 8


@dataclass(frozen=True)
class ImageSettings:
    """Fixed in advance: the score depends on them.

    Attributes
    ----------
    segmenter : "grid" (squares) or "slic" (parts of like brightness)
    parts : about how many parts
    samples : perturbed images for each explanation; several times `parts`, or the fit flatters
    seeds : explanations of each image, >= 2, each with another seed
    top : parts hidden to measure faithfulness
    batch : images in one call of the model; it changes nothing but the speed
    """

    segmenter: Literal["grid", "slic"] = "slic"
    parts: int = 25
    samples: int = 100
    seeds: int = 5
    top: int = 5
    batch: int = 8  # a quarter faster than 60 on a CPU: the maps of a batch stay in its cache

    def __post_init__(self) -> None:
        """Refuse settings that cannot be scored."""
        if self.segmenter not in ("grid", "slic"):
            raise ValueError(f"expected segmenter 'grid' or 'slic', got {self.segmenter!r}")
        if self.parts < 4 or self.samples < 2 * self.parts or self.seeds < 2 or self.top < 1 or self.batch < 1:
            raise ValueError(
                f"expected parts >= 4, samples >= 2 * parts, seeds >= 2, top >= 1 and batch >= 1, got {self}"
            )


def lesion_score(probability: NDArray[np.floating], *, fraction: float = 0.02) -> Floats:
    """How sure a segmentation model is that an image holds a lesion: mean of its most suspicious pixels.

    Parameters
    ----------
    probability : ndarray, shape (b, height, width)
        Lesion probability of each pixel.
    fraction : float in (0, 1]
        Share of the pixels that count.

    Returns
    -------
    ndarray, shape (b,)
        In [0, 1]. 1: at least `fraction` of the image is surely lesion; 0: surely none.
    """
    if not 0 < fraction <= 1:
        raise ValueError(f"expected a fraction in (0, 1], got {fraction}")
    flat = np.asarray(probability, dtype=float).reshape(len(probability), -1)
    k = max(1, round(fraction * flat.shape[1]))
    return np.partition(flat, flat.shape[1] - k, axis=1)[:, -k:].mean(axis=1)


def segment(image: Image, settings: ImageSettings) -> NDArray[np.int64]:
    """Parts of an image, numbered from 0 without gaps.

    Parameters
    ----------
    image : ndarray, shape (channels, height, width)

    Returns
    -------
    ndarray of int, shape (height, width)
    """
    _, height, width = image.shape
    if settings.segmenter == "grid":
        side = max(2, round(np.sqrt(settings.parts)))
        down, across = np.arange(height) * side // height, np.arange(width) * side // width
        parts = down[:, None] * side + across[None, :]
    else:
        from skimage.segmentation import slic

        # SLIC with compactness 0.1 weighs brightness in [0, 1] about as it weighs distance.
        parts = slic(
            image.transpose(1, 2, 0), n_segments=settings.parts, compactness=0.1, start_label=0, channel_axis=-1
        )
    return np.unique(parts, return_inverse=True)[1].reshape(height, width).astype(np.int64)


def explain_images(
    predict: Predict,
    images: Image,
    *,
    lesions: NDArray[np.bool_] | None = None,
    settings: ImageSettings | None = None,
    seed: int,
    scores_only: bool = False,
    tell: Callable[[int], None] = lambda record: None,
) -> tuple[RecordScore, ...]:
    """Explain some images of a site.

    Parameters
    ----------
    predict : callable
        Images of shape (b, channels, height, width), float32, to a score in [0, 1], shape (b,): the probability of
        disease, or `lesion_score` of a segmentation.
    images : ndarray, shape (r, channels, height, width)
        Chosen in advance or at random among diseased patients, never by their explanation.
    lesions : ndarray of bool, shape (r, height, width), or None
        Expert outlines, for the lesion mass.
    scores_only : bool
        Only RCF is needed: where the model hardly reacts to the whole image it is 0, and LIME is not run. Fit and
        stability are then 0 too.
    tell : callable
        Called with the number of each image, from 0, before each run of LIME.

    Returns
    -------
    tuple of RecordScore

    Raises
    ------
    ValueError
        On shapes that do not match, or answers that are not finite.

    Notes
    -----
    A hidden part takes the image's mean intensity. The model is called on about r * seeds * samples images.
    """
    settings = settings or ImageSettings()
    images = np.asarray(images, dtype=np.float32)
    if images.ndim != 4 or (lesions is not None and lesions.shape != (len(images), *images.shape[2:])):
        got = None if lesions is None else lesions.shape
        raise ValueError(f"expected images (r, c, h, w) and lesions (r, h, w) or None, got {images.shape} and {got}")
    outlines = [None] * len(images) if lesions is None else list(np.asarray(lesions, dtype=bool))
    scores = []
    for number, (image, outline) in enumerate(zip(images, outlines, strict=True)):
        hider = _Hider(predict, image, segment(image, settings), settings.batch)
        tell(number)
        if scores_only and not _reacts(hider):
            scores.append(RecordScore(0.0, 0.0, 0.0, 0.0))
        else:
            scores.append(_explain(hider, outline, settings, seed + 1000 * number, lambda n=number: tell(n)))  # type: ignore[misc]  # mypy cannot infer defaults
    return tuple(scores)


def _reacts(hider: _Hider) -> bool:
    """Whether hiding everything lowers the answer. Most controls hardly react to the image at all."""
    whole, none = hider.score(np.array([np.ones(hider.n), np.zeros(hider.n)]))
    return bool(whole - none >= MIN_DROP)


class _Hider:
    """An image whose parts can be hidden, in batches."""

    def __init__(self, predict: Predict, image: Image, parts: NDArray[np.int64], batch: int) -> None:
        self.predict, self.image, self.parts, self.batch = predict, image, parts, batch
        self.n = int(parts.max()) + 1
        self.hidden = np.broadcast_to(image.mean(axis=(1, 2), keepdims=True), image.shape)

    def score(self, shown: NDArray) -> Floats:
        """Scores with only some parts shown; `shown` has shape (m, n_parts), non-zero where a part is shown."""
        out = []
        for start in range(0, len(shown), self.batch):
            mask = shown[start : start + self.batch].astype(bool)[:, self.parts][:, None]
            masked = np.where(mask, self.image, self.hidden).astype(np.float32)
            out.append(finite(np.asarray(self.predict(masked), dtype=float).reshape(len(masked))))
        return np.concatenate(out)


def _explain(
    hider: _Hider, lesion: NDArray[np.bool_] | None, settings: ImageSettings, seed: int, tell: Callable[[], None]
) -> RecordScore:
    fits, runs = [], []
    for run in range(settings.seeds):
        tell()
        fit, weights = _lime(hider, settings.samples, seed + run)
        fits.append(fit)
        runs.append(weights)
    weights = np.array(runs)
    faithful = _faithfulness(hider, weights.mean(axis=0), settings.top, np.random.default_rng(seed))
    fit, stable = float(np.clip(np.mean(fits), 0, 1)), stability(weights)
    mass = None if lesion is None else lesion_mass(weights.mean(axis=0)[hider.parts], lesion)
    return RecordScore(fit, stable, faithful, rcf(fit, stable, faithful), mass)


def _lime(hider: _Hider, samples: int, seed: int) -> tuple[float, Floats]:
    """One run of LIME: its weighted R2 and the weight of each part, shape (n_parts,)."""
    from lime.lime_image import LimeImageExplainer

    class Explainer(LimeImageExplainer):
        """LIME with our masking: vectorised, and without the progress bar it always prints."""

        def data_labels(self, image: Any, fudged_image: Any, segments: Any, classifier_fn: Any, num_samples: int,
                        *_: Any, **__: Any) -> tuple[NDArray, Floats]:  # fmt: skip
            shown = self.random_state.randint(0, 2, (num_samples, hider.n))
            shown[0] = 1
            return shown, hider.score(shown)[:, None]

    found = Explainer(feature_selection="none", random_state=seed).explain_instance(
        hider.image.transpose(1, 2, 0),
        None,
        labels=(0,),
        top_labels=None,
        hide_color=0,
        num_samples=samples,
        segmentation_fn=lambda _: hider.parts,
        random_seed=seed,
    )
    weights = np.zeros(hider.n)
    for part, weight in found.local_exp[0]:
        weights[part] = weight
    return float(found.score), weights


def _faithfulness(hider: _Hider, weights: Floats, top: int, rng: np.random.Generator) -> float:
    k = min(top, max(1, hider.n // 5))
    shown = np.ones((3 + RANDOM_SETS, hider.n), dtype=bool)
    shown[1, np.argsort(-weights, kind="stable")[:k]] = False
    shown[2] = False
    for i in range(RANDOM_SETS):
        shown[3 + i, rng.choice(hider.n, k, replace=False)] = False
    p = hider.score(shown)
    return faithfulness(float(p[0]), float(p[1]), float(p[3:].mean()), float(p[2]))
