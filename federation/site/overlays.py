"""Drawings of held-out patients for the institution's own people, only where the site's configuration lets them out."""

from __future__ import annotations

import numpy as np

from federation.domain.data.dataset import SiteData
from federation.domain.learning.evaluation import predict, segmentation_metrics
from federation.domain.messages import Message
from federation.domain.overlays import MOST_PATIENTS, Overlay, pack
from federation.site.handlers import Answer, OrderRefused, Site, Tell, frozen_config, handles, load_models

SWITCH = "SITE_OVERLAYS"


@handles("overlays")
def draw(site: Site, order: Message, tell: Tell) -> Answer:
    """The slice with most lesion of each validation patient, truth and both predictions; no patient of the audit."""
    if not site.home.config.overlays:
        raise OrderRefused(
            f"pictures of patients do not leave this site. Its operator may set {SWITCH}=on for its worker if the data "
            "are synthetic or openly published; for patients' own images leave it off"
        )
    config = frozen_config(site, order)
    if config.task != "segmentation":
        raise OrderRefused(f"overlays are drawn of segmentations, this run is a {config.task}")
    data = site.patients(config).validation
    if data.n_patients == 0:
        return {"patients": 0, "left_out": 0}, {"overlays": pack([])}
    found = [_overlay(site, data, *row) for row in _scored(order, config, data)]
    return {"patients": len(found), "left_out": max(0, data.n_patients - MOST_PATIENTS)}, {"overlays": pack(found)}


def _scored(order: Message, config, data: SiteData):
    """Of each patient: number, masks of both models over all rows, and their Dice."""
    masks, dice, truth = {}, {}, data.y.astype(bool)
    for name, model in load_models(order, config).items():
        masks[name] = predict(model, data.x, "segmentation").label
        dice[name] = segmentation_metrics(truth, masks[name], data.patient_index, data.n_patients)["dice"]
    for patient in range(min(data.n_patients, MOST_PATIENTS)):
        values = {name: float(dice[name][patient]) for name in dice}
        told = {name: None if np.isnan(value) else round(value, 4) for name, value in values.items()}
        yield patient, masks["primary"], masks["baseline"], told


def _overlay(site: Site, data: SiteData, patient: int, mask, beside, dice) -> Overlay:
    rows = np.flatnonzero(data.patient_index == patient)
    truth = data.y[rows].astype(bool)
    weight = truth if truth.any() else mask[rows]
    most = int(weight.reshape(len(rows), -1).sum(axis=1).argmax())
    image = data.x[rows[most]].mean(axis=0)
    low, high = float(image.min()), float(image.max())
    grey = (255 * (image - low) / ((high - low) or 1.0)).astype(np.uint8)
    name = f"{site.home.secret_seed(f'overlay:{data.record_ids[patient]}') % 16**10:010x}"
    return Overlay(name, most + 1, len(rows), dice, grey, truth[most], mask[rows[most]], beside[rows[most]])
