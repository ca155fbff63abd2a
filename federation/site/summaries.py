"""Noised counts and sums, within what the site's operator lets all of them together spend of each patient."""

from __future__ import annotations

import json

from federation.domain import feature_summaries
from federation.domain.cells import MIN_SUMMARISED
from federation.domain.feature_summaries import Counts, Question
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
    try:
        question = Question.from_dict(order.body)
        require_leave(site, question, key=order.key)
        data = site.patients_left()
        if data.n_patients < MIN_SUMMARISED:
            raise OrderRefused(f"fewer than {MIN_SUMMARISED} patients are here; nothing is told of them")
        exact = feature_summaries.exact(data, question.features)  # what cannot be answered is not charged
    except ValueError as error:
        raise OrderRefused(str(error)) from error
    counts = let_out(site, exact, question, key=order.key)
    return {**question.as_dict(), "n_patients": data.n_patients, "counts": counts}, {}


def require_leave(site: Site, question: Question, *, key: str) -> None:
    """Refuse unless the operator lets noised summaries out, and this one as well."""
    if site.home.config.summary_epsilon <= 0:
        raise OrderRefused(
            "noised summaries do not leave this site. Its operator may allow them by setting "
            f"{SWITCH} for its worker: the most ε that all of them together may spend of each patient, e.g. 1"
        )
    _account_with(site, question, key)


def let_out(site: Site, exact: Counts, question: Question, *, key: str) -> list:
    """Whole numbers with noise, entered in the site's own account before they leave."""
    account, asked = _account_with(site, question, key)
    write_whole(site.home.folder / "summaries.json", canonical(account))
    # Asked again after a crash, the same noise; for another question, other noise.
    stream = KeyedStream(site.home.secret_seed(f"summary:{asked}"))
    return feature_summaries.noised(exact, question, stream).tolist()


def _account_with(site: Site, question: Question, key: str) -> tuple[dict, str]:
    """The site's account with this question in it, once, and what it is called there."""
    path, limit = site.home.folder / "summaries.json", site.home.config.summary_epsilon
    account = json.loads(path.read_text()) if path.exists() else {}
    asked = digest({"key": key, **question.as_dict()})
    if asked in account:
        return account, asked
    spent = [Spend.from_dict(raw) for raw in account.values()]
    total = composed_epsilon([*spent, question.spend], DELTA)
    if total > limit:
        raise OrderRefused(
            f"of ε {limit:g} (δ {DELTA:g}) for summaries, {composed_epsilon(spent, DELTA):.3f} is spent at this site; "
            f"with this one it would be {total:.3f}. Ask for fewer features or a smaller ε, or have {SWITCH} raised"
        )
    return {**account, asked: question.spend.as_dict()}, asked
