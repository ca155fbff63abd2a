"""Noised counts of the site's features, within what its operator lets be spent of each patient for that."""

from __future__ import annotations

import json

from federation.domain import feature_summaries
from federation.domain.cells import MIN_SUMMARISED
from federation.domain.feature_summaries import Question
from federation.domain.messages import Message, canonical, digest
from federation.domain.privacy.accountant import Spend, composed_epsilon
from federation.domain.privacy.stream import KeyedStream
from federation.site.handlers import Answer, OrderRefused, Site, Tell, handles
from provenance.witness.state import write_whole

SWITCH = "SITE_SUMMARY_EPSILON"
DELTA = 1e-5  # at which the site keeps its own account


@handles("feature_summary")
def summarise(site: Site, order: Message, tell: Tell) -> Answer:
    """How the patients' features are distributed, with noise; those who have opted out are left out."""
    if site.home.config.summary_epsilon <= 0:
        raise OrderRefused(
            "summaries of features do not leave this site. Its operator may allow them by setting "
            f"{SWITCH} for its worker: the most ε that all of them together may spend of each patient, e.g. 1"
        )
    try:
        question = Question.from_dict(order.body)
        data = site.patients_left()
        if data.n_patients < MIN_SUMMARISED:
            raise OrderRefused(f"fewer than {MIN_SUMMARISED} patients are here; nothing is told of them")
        exact = feature_summaries.exact(data, question.features)  # what cannot be answered is not charged
    except ValueError as error:
        raise OrderRefused(str(error)) from error
    asked = digest({"key": order.key, **question.as_dict()})
    _charge(site, asked, question.spend)
    # Asked again after a crash, the same noise; for another question, other noise.
    stream = KeyedStream(site.home.secret_seed(f"summary:{asked}"))
    counts = feature_summaries.noised(exact, question, stream)
    return {**question.as_dict(), "n_patients": data.n_patients, "counts": counts.tolist()}, {}


def _charge(site: Site, asked: str, spend: Spend) -> None:
    """Enter the question in the site's own account, once, before anything leaves."""
    path, limit = site.home.folder / "summaries.json", site.home.config.summary_epsilon
    account = json.loads(path.read_text()) if path.exists() else {}
    if asked in account:
        return
    spent = [Spend.from_dict(raw) for raw in account.values()]
    total = composed_epsilon([*spent, spend], DELTA)
    if total > limit:
        raise OrderRefused(
            f"of ε {limit:g} (δ {DELTA:g}) for summaries, {composed_epsilon(spent, DELTA):.3f} is spent at this site; "
            f"with this one it would be {total:.3f}. Ask for fewer features or a smaller ε, or have {SWITCH} raised"
        )
    write_whole(path, canonical({**account, asked: spend.as_dict()}))
