"""How each institution's account stands for a data set: budget, spent and reserved, over every federation and run."""

from __future__ import annotations

import math
import uuid
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from django.db.models import Count, OuterRef, Subquery
from django.utils.translation import gettext as _

from federation.domain.privacy.accountant import Spend, composed_epsilon
from federation.domain.privacy.budget import Account
from federation.models import DataManifest, Participant, SiteUpdate, TrainingRun
from federation.models_budget import PrivacyBudget, PrivacyCharge, PrivacyReservation
from federation.models_shift import ContributionCharge, FeatureCharge

Holder = tuple[Participant, str]  # and the data set that it holds
Key = tuple[uuid.UUID, str]  # institution and data set
DEFAULT_DELTA = 1e-5  # at which spending is shown where no budget says another


@dataclass(frozen=True)
class Standing:
    """One institution's account for one data set; `budget` None: nobody has set one, so nothing is refused."""

    participant: Participant
    data_set: str
    budget: PrivacyBudget | None
    account: Account
    unbounded_rounds: int  # rounds of training without differential privacy: no figure covers them

    @property
    def whose(self) -> str:
        return _("%(institution)s, data set %(data_set)s") % {
            "institution": self.participant.institution, "data_set": self.data_set,
        }  # fmt: skip


def holders_of(participants: Iterable[Participant]) -> list[Holder]:
    """The participants that have said what they hold, with the data set, in one query."""
    known = list(participants)
    latest = DataManifest.objects.filter(participant__in=known).order_by("participant_id", "-created_at")
    sources = dict(latest.distinct("participant_id").values_list("participant_id", "content__source"))
    return [(one, sources[one.id]) for one in known if one.id in sources]


def data_set_of(participant: Participant) -> str | None:
    """The data set that the site holds, as its latest manifest names it."""
    manifest = participant.manifests.first()
    return None if manifest is None else str(manifest.content["source"])


def standing_of(participant: Participant, data_set: str, *, without: TrainingRun | None = None) -> Standing:
    """Budget and account of an institution for a data set, over every federation and run that used it."""
    return standings_of([(participant, data_set)], without=without)[0]


def standings_of(holders: Sequence[Holder], *, without: TrainingRun | None = None) -> list[Standing]:
    """The same for several institutions, in six queries however many there are."""
    institutions = {participant.institution_id for participant, _ in holders}
    mine = PrivacyReservation.objects.filter(participant__institution__in=institutions)
    spent, unbounded = _earlier(institutions)
    reserved: dict[Key, list[Spend]] = defaultdict(list)
    charges = PrivacyCharge.objects.filter(reservation__in=mine)
    for institution, data_set, spends, scores in charges.values_list(
        "reservation__participant__institution_id", "reservation__data_set", "spends", "score_spend"
    ):
        unbounded[institution, data_set] += spends is None
        spent[institution, data_set] += [Spend.from_dict(raw) for raw in [*(spends or []), scores] if raw]
    for studies in (FeatureCharge, ContributionCharge):
        asked = studies.objects.filter(participant__institution__in=institutions)
        for institution, data_set, spend in asked.values_list("participant__institution_id", "data_set", "spend"):
            spent[institution, data_set].append(Spend.from_dict(spend))
    held = mine.filter(released_at=None).exclude(run=without).select_related("run", "participant")
    for reservation in held.annotate(charged=Count("charges")):
        key = reservation.participant.institution_id, reservation.data_set
        reserved[key] += reservation.of_rounds(reservation.run.rounds_planned - reservation.charged)
    newest = PrivacyBudget.objects.filter(institution__in=institutions).order_by(
        "institution_id", "data_set", "-created_at"
    )
    budgets = {(one.institution_id, one.data_set): one for one in newest.distinct("institution_id", "data_set")}
    found = []
    for participant, data_set in holders:
        key = participant.institution_id, data_set
        budget = budgets.get(key)
        epsilon, delta = (budget.epsilon, budget.delta) if budget else (math.inf, DEFAULT_DELTA)
        account = Account(epsilon, delta, spent[key], reserved[key])
        found.append(Standing(participant, data_set, budget, account, unbounded[key]))
    return found


def _earlier(institutions: Iterable[uuid.UUID]) -> tuple[dict[Key, list[Spend]], Counter[Key]]:
    """What runs of before there were budgets spent, from the updates that they received."""
    spent: dict[Key, list[Spend]] = defaultdict(list)
    unbounded: Counter[Key] = Counter()
    source = DataManifest.objects.filter(participant=OuterRef("participant")).values("content__source")[:1]
    updates = SiteUpdate.objects.filter(
        participant__institution__in=institutions, round__run__reservations__isnull=True
    ).annotate(data_set=Subquery(source))
    for institution, data_set, metrics, config in updates.values_list(
        "participant__institution_id", "data_set", "metrics", "round__run__config"
    ):
        dp = config["local"]["dp"]
        models = [model for model in metrics.values() if model.get("steps")]
        unbounded[institution, data_set] += dp is None and bool(models)
        if dp is not None:
            spent[institution, data_set] += [
                Spend(dp["noise_multiplier"], model["sample_rate"], model["steps"]) for model in models
            ]
    return spent, unbounded


def refusal(account: Account, wanted: Sequence[Spend] | None, *, whose: str, what: str = "run") -> str:
    """Why a run (or `what` else spends) may not be paid from this account, with the arithmetic; empty if it may.

    Parameters
    ----------
    wanted : what the run would spend; None without differential privacy
    whose : str
        The institution and its data set, in words.
    what : str
        What spends, in a word.
    """
    standing = _(
        "%(whose)s: of a budget of ε %(epsilon)s (δ %(delta)s), %(spent)s is spent and %(reserved)s is reserved by "
        "open runs, which leaves %(left)s."
    ) % {
        "whose": whose, "epsilon": f"{account.epsilon:g}", "delta": f"{account.delta:g}",
        "spent": f"{account.spent_epsilon:.3f}", "reserved": f"{account.reserved_epsilon:.3f}",
        "left": f"{account.left_epsilon:.3f}",
    }  # fmt: skip
    if wanted is None:
        return f"{standing} {_('A run without differential privacy has no bound, so no budget covers it.')}"
    total = account.with_run(wanted)
    if total <= account.epsilon:
        return ""
    over = _(
        "This %(what)s costs %(alone)s alone; composed with the rest the total would be %(total)s, which is %(over)s "
        "over. Plan %(less)s, or ask the institution's ethics officer for a larger budget."
    ) % {
        "what": _(what), "alone": f"{composed_epsilon(wanted, account.delta):.3f}", "total": f"{total:.3f}",
        "over": f"{total - account.epsilon:.3f}",
        "less": _("fewer rounds or more noise") if what == "run" else _("a smaller ε"),
    }  # fmt: skip
    return f"{standing} {over}"
