"""Scoring a run's model with every site and without each, on the site's validation patients; only sums leave.

Of a run with differential privacy only noised sums do, within what the site's operator lets summaries spend.
"""

from __future__ import annotations

from typing import Any

from federation.domain.cells import MIN_CELL
from federation.domain.contribution import EVERYBODY, differences, in_units
from federation.domain.data.dataset import SiteData
from federation.domain.feature_summaries import Question
from federation.domain.learning import weights
from federation.domain.learning.evaluation import evaluate
from federation.domain.messages import Message
from federation.domain.models.registry import build
from federation.domain.round_metrics import headline_metric
from federation.domain.run_config import RunConfig
from federation.site import summaries
from federation.site.handlers import Answer, OrderRefused, Site, Tell, frozen_config, handles


@handles("contribution")
def score(site: Site, order: Message, tell: Tell) -> Answer:
    config = frozen_config(site, order)
    security = config.security or {}
    if security.get("masking"):
        raise OrderRefused("the run was consented to under masks; what single sites contributed is not computed of it")
    if EVERYBODY not in order.attachments:
        raise OrderRefused("expected the model with every site among those to be scored")
    asked = order.body.get("question")
    if config.local.dp is not None and asked is None:
        raise OrderRefused("the run was consented to with differential privacy; exact sums of scores do not leave")
    data = site.patients(config).validation
    if data.n_patients < max(MIN_CELL, security.get("min_cell", 0)):
        return {"differences": {}, "n_records": 0}, {}
    if asked is None:
        return {"differences": differences(_scored(config, data, order, tell)), "n_records": data.n_patients}, {}
    try:
        question = Question.from_dict(asked)
        summaries.require_leave(site, question, key=order.key)
        exact = in_units(_scored(config, data, order, tell), question.features)
    except ValueError as error:
        raise OrderRefused(str(error)) from error
    counts = summaries.let_out(site, exact, question, key=order.key)
    return {"question": question.as_dict(), "n_records": data.n_patients, "counts": counts}, {}


def _scored(config: RunConfig, data: SiteData, order: Message, tell: Tell) -> dict[str, Any]:
    metric, scores, model = headline_metric(config.task), {}, build(config.models["primary"])
    for done, (left_out, data_of) in enumerate(sorted(order.attachments.items()), start=1):
        weights.load_state(model, weights.from_bytes(data_of, like=model))
        tell({"model": "primary", "step": done, "steps": len(order.attachments), "loss": None})
        scores[left_out] = evaluate(model, data).metrics[metric]
    return scores
