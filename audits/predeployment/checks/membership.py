"""Membership inference, quick tier: can somebody tell from the model who was among its training patients?"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar

from audits.domain.verdict import Verdict
from audits.predeployment.checks.base import (
    AnswerError,
    Check,
    Direction,
    Gathered,
    Limit,
    NotMeasured,
    Parameter,
    Principle,
    Result,
    Runtime,
)
from audits.predeployment.checks.membership_result import ATTACKS, RECIPE, MembershipAnswer, verdict_of, written
from audits.predeployment.checks.stress import MODELS

if TYPE_CHECKING:
    import numpy as np

    from audits.domain.attacks.membership import ScoreCounts
    from audits.predeployment.checks.at_site import AtSite
    from federation.domain.data.dataset import SiteData
    from federation.domain.models.base import Model

LEAST = 5  # members, and others, of a site; counts over fewer could be led back to one of them
SAME = 1e-6  # answers that differ by less are the same answer
LIMITS = (
    Parameter(
        "max_advantage", 0.2, "largest tolerated TPR - FPR (0.2: right in 60 % of guesses)", 0.01, 0.9, (), "down"
    ),
    Parameter("max_tpr", 0.1, "largest tolerated share of members found at 1 % false alarms", 0.01, 0.9, (), "down"),
    Parameter("confidence", 0.95, "of all bounds together", 0.9, 0.999),
)


class Membership(Check):
    id = "membership"
    title = "Membership inference (quick)"
    principle = Principle.PRIVACY
    question = "Can somebody who has the model tell whether a patient was among those it was trained on?"
    inputs = ("training patients", "audit patients", "both models")
    facts = ("epsilon",)
    runtime = Runtime.MINUTES
    limit = Limit("max_advantage", Direction.AT_MOST)
    parameters: ClassVar[tuple[Parameter, ...]] = (
        *LIMITS,
        Parameter("shadows", 8, "shadow models of each kind, trained at each site; even", 6, 256),
        Parameter("most_rounds", 20, "most rounds of training that a shadow repeats", 1, 200),
        Parameter("slices", 4, "most slices of an imaged patient in shadow training; 0 for all", 0, 512),
    )
    libraries = ("torch", "scipy")
    certifies = False

    def measure(self, at: AtSite) -> Mapping[str, Any]:
        import numpy as np

        pool, member = _pool(at, at.settings["slices"])
        parts = at.rng("parts").permutation(pool.n_patients) % at.shards
        halves = at.rng("halves").permutation(pool.n_patients) % 2
        mine = parts == at.shard
        found: dict[str, Any] = {}
        constant: dict[str, bool] = {}
        for name in MODELS:
            scored = self._scored(at, name, pool)
            counts = {way: _counted(scored[way], member, halves, mine) for way in ATTACKS}
            counts[RECIPE] = _counted(scored[RECIPE], scored["in_shadow"].astype(bool), halves, mine)
            found[name] = {way: count.as_dict() for way, count in counts.items()}
            constant[name] = bool(np.ptp(at.outcomes(name).score) < SAME)
        sizes = {"members": int(np.sum(member & mine)), "others": int(np.sum(~member & mine))}
        return {**sizes, "rounds": self._rounds(at), "constant": constant, "models": found}

    def _scored(self, at: AtSite, name: str, pool: SiteData) -> dict[str, np.ndarray]:
        """Each attack's score of each patient."""
        from audits.domain.attacks.lira import scores, shadow_game
        from audits.domain.attacks.shadows import Recipe, statistic, train_shadows

        model: Model = at.models[name]
        recipe = Recipe(model.spec, at.bench.config.local, self._rounds(at))
        count = at.settings["shadows"] // 2 * 2
        shadows = train_shadows(
            recipe, pool, count=count, rng=at.rng("shadows", name, at.shard),
            told=lambda done: at.tell(f"shadow models of the {MODELS[name]}", done, count),
        )  # fmt: skip
        target = statistic(model, pool)
        likelihood, game = scores(target, shadows), shadow_game(shadows, at.rng("game", name, at.shard))
        return {
            "loss": target, "lira_offline": likelihood.offline, "lira_online": likelihood.online, RECIPE: game.online,
            "in_shadow": game.member,
        }  # fmt: skip

    def _rounds(self, at: AtSite) -> int:
        return min(at.bench.config.rounds, at.settings["most_rounds"])

    def read(self, site: str, raw: Mapping[str, Any], settings: Mapping[str, Any]) -> MembershipAnswer:
        from audits.domain.attacks.membership import ScoreCounts

        members, others, rounds = (_count(raw, key) for key in ("members", "others", "rounds"))
        asked = {name: {*ATTACKS, RECIPE} for name in MODELS}
        came = {name: set(ways) for name, ways in raw["models"].items()}
        if asked != came:
            raise AnswerError(f"expected the attacks {asked}, got {came}")
        constant = raw["constant"]
        if set(constant) != set(MODELS) or not all(type(value) is bool for value in constant.values()):
            raise AnswerError(f"expected whether each model is constant, got {constant!r}")
        counts = {
            n: {w: ScoreCounts.from_dict(table) for w, table in ways.items()} for n, ways in raw["models"].items()
        }
        for name, ways in counts.items():
            for way, count in ways.items():
                total = (count.n_members, count.n_others)
                fits = sum(total) == members + others if way == RECIPE else total == (members, others)
                if not fits:
                    raise AnswerError(f"{name}, {way}: expected scores of {members} and {others} patients, got {total}")
        return MembershipAnswer(members, others, rounds, dict(constant), counts)

    def conclude(self, gathered: Gathered) -> Result:
        from audits.predeployment.checks.membership_result import evidence_of

        found = evidence_of(gathered)
        verdict = verdict_of(found, gathered.settings)
        if verdict is Verdict.PASS and not self.certifies:
            verdict = Verdict.INCONCLUSIVE
        return written(found, gathered, verdict, certifies=self.certifies)


def _count(raw: Mapping[str, Any], key: str) -> int:
    if type(raw[key]) is not int or raw[key] < 0:
        raise AnswerError(f"expected {key} to be a number of at least 0, got {raw[key]!r}")
    return int(raw[key])


def _pool(at: AtSite, slices: int) -> tuple[SiteData, np.ndarray]:
    """All patients to be told apart, and which of them the model was trained on."""
    import numpy as np

    from audits.domain.robustness.scores import some_slices

    train, audit = at.train, at.audit
    if min(train.n_patients, audit.n_patients) < LEAST:
        raise NotMeasured(
            f"{train.n_patients} training and {audit.n_patients} audit patients are too few to tell apart; "
            f"{LEAST} of each are needed"
        )
    pool = joined(train, audit)
    if slices:
        pool = some_slices(pool, slices)
    return pool, np.arange(pool.n_patients) < train.n_patients


def _counted(scores: np.ndarray, member: np.ndarray, halves: np.ndarray, mine: np.ndarray) -> ScoreCounts:
    from audits.domain.attacks.membership import ScoreCounts

    return ScoreCounts.of(scores[mine], member[mine], halves[mine])


def joined(first: SiteData, second: SiteData) -> SiteData:
    """Both sets of patients as one, the first ones first."""
    from dataclasses import replace

    import numpy as np

    return replace(
        first,
        record_ids=first.record_ids + second.record_ids,
        x=np.concatenate([first.x, second.x]),
        y=np.concatenate([first.y, second.y]),
        patient_index=np.concatenate([first.patient_index, second.patient_index + first.n_patients]),
        groups={name: np.concatenate([first.groups[name], second.groups[name]]) for name in first.groups},
    )
