"""LIME's score on models of which one knows what they look at: `python -m benchmarks.audit.studies.lime_known_models`.

Small images with a bright disc if "ill"; the tagged ones also have a bright corner. Printed as a table for
docs/design/audit-explain.md.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression

from audits.domain.explain.lime_image import ImageSettings, Predict, explain_images

SIDE, RECORDS = 32, 12
SETTINGS = {
    "slic, 25 parts, 120 samples": ImageSettings("slic", 25, 120, 4, 5),
    "slic, 60 parts, 500 samples": ImageSettings("slic", 60, 500, 4, 5),
    "grid, 25 parts, 120 samples": ImageSettings("grid", 25, 120, 4, 5),
}


def drawn(n: int, rng: np.random.Generator, *, tag: bool = False) -> tuple[NDArray, NDArray, NDArray]:
    """Images (n, 1, 32, 32), lesions (n, 32, 32) and labels (n,)."""
    images, labels = rng.normal(0.3, 0.08, (n, SIDE, SIDE)), rng.integers(0, 2, n)
    y, x = np.mgrid[:SIDE, :SIDE]
    centres = rng.integers(8, 24, (n, 2))
    near = (x - centres[:, 0, None, None]) ** 2 + (y - centres[:, 1, None, None]) ** 2 < 25
    lesions = near & labels.astype(bool)[:, None, None]
    images[lesions] += 0.5
    if tag:
        images[labels.astype(bool), :4, :4] = 0.9
    return images.clip(0, 1).astype(np.float32)[:, None], lesions, labels


def pooled(images: NDArray) -> NDArray:
    blocks = images[:, 0].reshape(len(images), 8, 4, 8, 4).mean((2, 4)).reshape(len(images), -1)
    return np.concatenate([blocks, 5 * blocks.max(axis=1, keepdims=True)], axis=1)


def corner(images: NDArray) -> NDArray:
    return images[:, 0, :4, :4].mean(axis=(1, 2))[:, None]


def known_models(rng: np.random.Generator) -> dict[str, tuple[Predict, bool]]:
    """Each model, and whether it is asked about tagged images."""
    images, _, labels = drawn(600, rng)
    tagged, _, tagged_labels = drawn(600, rng, tag=True)

    def fitted(features, x, y) -> Predict:
        model = LogisticRegression(max_iter=2000).fit(features(x), y)
        return lambda batch: model.predict_proba(features(batch))[:, 1]

    weights = 0.3 * rng.normal(size=65)
    return {
        "true signal": (fitted(pooled, images, labels), False),
        "shuffled labels": (fitted(pooled, images, rng.permutation(labels)), False),
        "tag in the corner": (fitted(corner, tagged, tagged_labels), True),
        "random weights": (lambda batch: 1 / (1 + np.exp(-(pooled(batch) - 0.3) @ weights)), False),
        "constant": (lambda batch: np.full(len(batch), 0.5), False),
    }


def main() -> None:
    models = known_models(np.random.default_rng(0))
    print("| model | " + " | ".join(SETTINGS) + " |\n|---|" + "---|" * len(SETTINGS))
    for name, (predict, tag) in models.items():
        images, lesions, labels = drawn(60, np.random.default_rng(1), tag=tag)
        rows = np.flatnonzero(labels)[:RECORDS]
        cells = []
        for settings in SETTINGS.values():
            found = explain_images(predict, images[rows], lesions=lesions[rows], settings=settings, seed=0)
            naive = np.mean([100 * np.sqrt(row.fit * row.stability) for row in found])
            mass = np.mean([row.lesion_mass for row in found if row.lesion_mass is not None])
            cells.append(f"{np.mean([row.rcf for row in found]):.0f} (R2 and C only {naive:.0f}; lesion {mass:.2f})")
        print(f"| {name} | " + " | ".join(cells) + " |")


if __name__ == "__main__":
    main()
