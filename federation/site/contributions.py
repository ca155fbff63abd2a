"""Scoring a run's model with every site and without each, on the site's validation patients; only sums leave."""

from __future__ import annotations

from federation.domain.cells import MIN_CELL
from federation.domain.contribution import EVERYBODY, differences
from federation.domain.learning import weights
from federation.domain.learning.evaluation import evaluate
from federation.domain.messages import Message
from federation.domain.models.registry import build
from federation.domain.round_metrics import headline_metric
from federation.site.handlers import Answer, OrderRefused, Site, Tell, frozen_config, handles


@handles("contribution")
def score(site: Site, order: Message, tell: Tell) -> Answer:
    config = frozen_config(site, order)
    security = config.security or {}
    if security.get("masking"):
        raise OrderRefused("the run was consented to under masks; what single sites contributed is not computed of it")
    if EVERYBODY not in order.attachments:
        raise OrderRefused("expected the model with every site among those to be scored")
    data = site.patients(config).validation
    if data.n_patients < max(MIN_CELL, security.get("min_cell", 0)):
        return {"differences": {}, "n_records": 0}, {}
    metric, scores = headline_metric(config.task), {}
    model = build(config.models["primary"])
    for done, (left_out, data_of) in enumerate(sorted(order.attachments.items()), start=1):
        weights.load_state(model, weights.from_bytes(data_of, like=model))
        tell({"model": "primary", "step": done, "steps": len(order.attachments), "loss": None})
        scores[left_out] = evaluate(model, data).metrics[metric]
    return {"differences": differences(scores), "n_records": data.n_patients}, {}
