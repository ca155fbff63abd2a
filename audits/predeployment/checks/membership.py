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
from audits.predeployment.checks.membership_evidence import (
    ATTACKS,
    RECIPE,
    MembershipAnswer,
    evidence_of,
    verdict_of,
)
from audits.predeployment.checks.membership_result import written
from audits.predeployment.checks.stress import MODELS

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from audits.domain.attacks.membership import ScoreCounts
    from audits.predeployment.checks.at_site import AtSite
    from federation.domain.data.dataset import SiteData
    from federation.domain.models.base import Model

LEAST = 5  # members, and others, of a site; counts over fewer could be led back to one of them
SHADOWED = tuple(way for way in ATTACKS if way != "loss")
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
        Parameter("image_rounds", 2, "the same for images", 1, 200),
        Parameter("images", 128, "most imaged patients a site for shadows, half of them members", 20, 100_000),
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
        shadowed = _shadowed(at, member)
        found: dict[str, Any] = {}
        constant: dict[str, bool] = {}
        for name in MODELS:
            scored = self._scored(at, name, pool, shadowed)
            tested, half = mine[shadowed], halves[shadowed]
            counts = {"loss": _counted(scored["loss"], member, halves, mine)}
            counts |= {way: _counted(scored[way], member[shadowed], half, tested) for way in SHADOWED}
            counts[RECIPE] = _counted(scored[RECIPE], scored["in_shadow"].astype(bool), half, tested)
            found[name] = {way: count.as_dict() for way, count in counts.items()}
            constant[name] = bool(np.ptp(at.outcomes(name).score) < SAME)
        sizes = {"members": int(np.sum(member & mine)), "others": int(np.sum(~member & mine))}
        of_shadows = [int(np.sum(which[shadowed] & tested)) for which in (member, ~member)]
        return {**sizes, "shadowed": of_shadows, "rounds": self._rounds(at), "constant": constant, "models": found}

    def _scored(self, at: AtSite, name: str, pool: SiteData, shadowed: NDArray[np.int64]) -> dict[str, np.ndarray]:
        """Scores by attack: of each patient for the loss, of each of `shadowed` for those with shadows."""
        from audits.domain.attacks.lira import scores, shadow_game
        from audits.domain.attacks.shadows import Recipe, statistic, train_shadows

        model: Model = at.models[name]
        recipe = Recipe(model.spec, at.bench.config.local, self._rounds(at))
        count = at.settings["shadows"] // 2 * 2
        shadows = train_shadows(
            recipe, pool.take(shadowed), count=count, rng=at.rng("shadows", name, at.shard),
            told=lambda done: at.tell(f"shadow models of the {MODELS[name]}", done, count),
        )  # fmt: skip
        target = statistic(model, pool)
        likelihood, game = scores(target[shadowed], shadows), shadow_game(shadows, at.rng("game", name, at.shard))
        return {
            "loss": target, "lira_offline": likelihood.offline, "lira_online": likelihood.online, RECIPE: game.online,
            "in_shadow": game.member,
        }  # fmt: skip

    def _rounds(self, at: AtSite) -> int:
        most = at.settings["image_rounds" if at.imaged else "most_rounds"]
        return min(at.bench.config.rounds, int(most))

    def read(self, site: str, raw: Mapping[str, Any], settings: Mapping[str, Any]) -> MembershipAnswer:
        from audits.domain.attacks.membership import ScoreCounts

        members, others, rounds = (_count(raw, key) for key in ("members", "others", "rounds"))
        shadowed = tuple(raw["shadowed"])
        if [type(n) for n in shadowed] != [int, int] or not (
            0 <= shadowed[0] <= members and 0 <= shadowed[1] <= others
        ):
            raise AnswerError(f"expected members and others that shadows were trained on, got {raw['shadowed']!r}")
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
                due = (members, others) if way == "loss" else shadowed
                if not (sum(total) == sum(due) if way == RECIPE else total == due):
                    raise AnswerError(f"{name}, {way}: expected scores of {due[0]} and {due[1]} patients, got {total}")
        return MembershipAnswer(members, others, rounds, dict(constant), counts)

    def counted(self, answer: MembershipAnswer) -> int:
        return answer.members + answer.others

    def conclude(self, gathered: Gathered) -> Result:
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


def _shadowed(at: AtSite, member: NDArray[np.bool_]) -> NDArray[np.int64]:
    """Whom shadows are trained on, in their order: everyone in a table, some of each kind of imaged patients."""
    import numpy as np

    if not at.imaged:
        return np.arange(len(member))
    most, drawn = at.settings["images"] // 2, at.rng("shadowed").permutation(len(member))
    return np.sort(np.concatenate([drawn[member[drawn]][:most], drawn[~member[drawn]][:most]]))


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
