"""Reconstruction of patients from what a site sends, quick tier."""

from __future__ import annotations

from collections.abc import Callable, Mapping
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
from audits.predeployment.checks.membership import LEAST, joined
from audits.predeployment.checks.reconstruction_evidence import (
    SETTINGS,
    WAYS,
    ReconstructionAnswer,
    Tally,
    evidence_of,
    verdict_of,
)
from audits.predeployment.checks.reconstruction_result import written
from audits.predeployment.checks.stress import MODELS

if TYPE_CHECKING:
    import numpy as np

    from audits.domain.attacks.inversion import Search
    from audits.domain.attacks.reconstruction import Effort, Found
    from audits.domain.attacks.similarity import Records, Yardstick
    from audits.predeployment.checks.at_site import AtSite
    from federation.domain.data.dataset import SiteData
    from federation.domain.learning.config import DPConfig
    from federation.domain.models.base import Model

    Known = tuple[Records, Yardstick]  # public records, and what they make of a reconstruction

LIMITS = (
    Parameter("min_resistance", 0.995, "smallest tolerated share of patients not reconstructed", 0.9, 0.9999, (), "up"),
    Parameter("confidence", 0.95, "of each one-sided bound", 0.9, 0.999),
    Parameter("side", 16, "pixels a side at which images are attacked; divisible by 4", 16, 64),
)
MOST_PUBLIC = 60  # images; each is compared with each private one


class Reconstruction(Check):
    id = "reconstruction"
    title = "Reconstruction from updates (quick)"
    principle = Principle.PRIVACY
    question = "Can patients be reconstructed from the updates that a hospital sends during training?"
    inputs = ("training patients", "audit patients", "validation patients as public ones", "both models")
    runtime = Runtime.MINUTES
    limit = Limit("min_resistance", Direction.AT_LEAST)
    parameters: ClassVar[tuple[Parameter, ...]] = (
        *LIMITS,
        Parameter("patients", 12, "rows at a site whose own gradient is attacked", 1, 5000),
        Parameter("images", 2, "the same for images", 1, 500),
        Parameter("steps", 80, "steps of the search by gradients, for rows", 1, 10_000),
        Parameter("image_steps", 30, "the same for images", 1, 10_000),
        Parameter("restarts", 1, "searches, each from another start", 1, 100),
        Parameter("dummies", 12, "inputs searched together to explain a round; 4 at most for images", 1, 500),
        Parameter("hops", 0, "further searches of an image by the layers nearest the loss; 0: none at all", 0, 1000),
    )
    libraries = ("torch", "scipy")
    certifies = False

    def measure(self, at: AtSite) -> Mapping[str, Any]:
        import numpy as np

        from audits.domain.attacks.reconstruction import Effort

        train, audit, public, yard = self._views(at)
        mine = at.rng("parts").permutation(train.n_patients + audit.n_patients) % at.shards == at.shard
        pool = joined(train, audit)
        picked = at.rng("patients", at.shard).permutation(np.flatnonzero(mine))
        single = pool.take(np.sort(picked[: at.settings["images" if at.imaged else "patients"]]))
        dummies = 4 if at.imaged else at.settings["dummies"]
        effort = Effort(_search(at), dummies, at.settings["hops"])
        everyone, dp = np.ones(single.n_patients, dtype=bool), at.bench.config.local.dp
        tallies: dict[str, Any] = {}
        moved = True
        for name in MODELS:
            bare, weakest = self._steps(at, name, single, (public, yard), effort, None)
            tallies[name] = {"bare": _tally(bare, everyone), "weakest": _tally(weakest, everyone)}
            if single.n_patients and not Tally.from_dict(tallies[name]["bare"]).solved:
                # Noise and company only hide a patient: what fails on his bare step is not worth its hours elsewhere.
                tallies[name] |= {way: _tally(bare, ~everyone) for way in SETTINGS if way not in tallies[name]}
                continue
            shielded = bare if dp is None else self._steps(at, name, single, (public, yard), effort, dp)[0]
            found, control, own = self._rounds(at, name, (train, audit), (public, yard), effort)
            moved = moved and own
            tallies[name] |= {
                "protected": _tally(shielded, everyone), "round": _tally(found, mine), "control": _tally(control, mine)
            }  # fmt: skip
        return {
            "tau": yard.tau, "public_median": yard.median, "private": yard.n_private, "public": yard.n_public,
            "dp": dp is not None, "moved": moved, "models": tallies,
        }  # fmt: skip

    def _views(self, at: AtSite) -> tuple[SiteData, SiteData, Records, Yardstick]:
        """Training and audit patients as they are attacked, what stands for public ones, and what they make of it."""
        import numpy as np

        from audits.domain.attacks.similarity import NoYardstickError, attack_view, shrunk, yardstick

        side, validation = at.settings["side"] // 4 * 4, at.bench.splits.validation
        private, trained = at.train.n_patients + at.audit.n_patients, at.train.n_patients
        if not trained or private < LEAST or len(validation.x) < LEAST:
            raise NotMeasured(
                f"{private} training and audit patients ({trained} in training) and {len(validation.x)} validation "
                f"records are too few; {LEAST} of each are needed"
            )
        train, audit = attack_view(at.train, side), attack_view(at.audit, side)
        public = validation.x
        if at.imaged:
            rows = np.sort(at.rng("public").permutation(len(public))[:MOST_PUBLIC])
            public = shrunk(public[rows], side)
        try:
            return train, audit, public, yardstick(np.concatenate([train.x, audit.x]), public)
        except NoYardstickError as reason:
            raise NotMeasured(str(reason)) from reason

    def _steps(
        self, at: AtSite, name: str, data: SiteData, known: Known, effort: Effort, dp: DPConfig | None
    ) -> tuple[Found, Found]:
        """The worst case: each patient's own gradient, bare or as differentially private training would send it.

        What was found at either weights, and at those where less was.
        """
        from audits.domain.attacks.reconstruction import from_steps, merged

        way, (public, yard) = "bare" if dp is None else "protected", known
        if not data.n_patients:
            return merged([], 0), merged([], 0)
        tries = [
            from_steps(
                model, data, tau=yard.tau, effort=effort, dp=dp, public=public, rng=at.rng(name, way, start, at.shard),
                told=_teller(at, f"one patient's step of the {MODELS[name]}, {way}"),
                told_hops=_hop_teller(at, f"images from the last layers of the {MODELS[name]}, {way}", data.n_patients),
            )
            for start, model in _starts(at, name)
        ]  # fmt: skip
        each = [merged([found], data.n_patients) for found in tries]
        return merged(tries, data.n_patients), min(each, key=lambda found: int(found["any"].sum()))

    def _rounds(
        self, at: AtSite, name: str, cohorts: tuple[SiteData, SiteData], known: Known, effort: Effort
    ) -> tuple[Found, Found, bool]:
        """A round as configured over each cohort; as control, what it gives away of the other cohort's patients."""
        import numpy as np

        from audits.domain.attacks.reconstruction import from_round, merged

        public, yard = known
        own: list[Found] = []
        other: list[Found] = []
        moved = True
        for which, cohort in enumerate(cohorts):
            tries, controls = [], []
            for start, model in _starts(at, name):
                attacked = from_round(
                    model, cohort, at.bench.config.local, effort=effort, public=public,
                    rng=at.rng(name, "round", which, start, at.shard),
                    told=_teller(at, f"a round of the {MODELS[name]}"),
                    told_hops=_hop_teller(at, f"images from a round of the {MODELS[name]}", effort.dummies),
                )  # fmt: skip
                moved = moved and attacked.moved
                tries.append(attacked.found(cohort, yard.tau))
                controls.append(attacked.found(cohorts[1 - which], yard.tau))
            own.append(merged(tries, cohort.n_patients))
            other.append(merged(controls, cohorts[1 - which].n_patients))
        joint = {way: np.concatenate([part[way] for part in own]) for way in WAYS}
        control = {way: np.concatenate([part[way] for part in other[::-1]]) for way in WAYS}
        return joint, control, moved

    def read(self, site: str, raw: Mapping[str, Any], settings: Mapping[str, Any]) -> ReconstructionAnswer:
        tallies = {name: {way: Tally.from_dict(ways[way]) for way in SETTINGS} for name, ways in raw["models"].items()}
        if set(tallies) != set(MODELS):
            raise AnswerError(f"expected the models {', '.join(MODELS)}, got {', '.join(tallies)}")
        tau, dp, moved = raw["tau"], raw["dp"], raw["moved"]
        if type(tau) is not float or not -1 <= tau < 1 or type(dp) is not bool or type(moved) is not bool:
            raise AnswerError(f"expected tau from -1 to under 1 and two flags, got {tau!r}, {dp!r}, {moved!r}")
        return ReconstructionAnswer(tallies, tau, float(raw["public_median"]), int(raw["public"]), dp, moved)

    def counted(self, answer: ReconstructionAnswer) -> int:
        return max(found["round"].attempts for found in answer.tallies.values())

    def conclude(self, gathered: Gathered) -> Result:
        found = evidence_of(gathered)
        verdict = verdict_of(found, gathered.settings)
        if verdict is Verdict.PASS and not self.certifies:
            verdict = Verdict.INCONCLUSIVE
        return written(found, gathered, verdict, certifies=self.certifies)


def _search(at: AtSite) -> Search:
    from audits.domain.attacks.inversion import Search

    return Search(at.settings["image_steps" if at.imaged else "steps"], at.settings["restarts"])


def _starts(at: AtSite, name: str) -> list[tuple[str, Model]]:
    """The run's first weights, and its last: what each round in between starts from lies between them."""
    from audits.predeployment.checks.at_site import copy_of
    from federation.domain.models.registry import build

    model = at.models[name]
    return [("first", build(model.spec, seed=at.bench.config.seed)), ("last", copy_of(model))]


def _teller(at: AtSite, doing: str) -> Callable[[int], None]:
    search = _search(at)
    steps = search.steps * search.restarts

    def told(step: int) -> None:
        if step % 10 == 0 or step == steps:
            at.tell(doing, step, steps)

    return told


def _hop_teller(at: AtSite, doing: str, images: int) -> Callable[[int], None]:
    return lambda done: at.tell(doing, done, images * (at.settings["hops"] + 1))


def _tally(found: Found, mine: np.ndarray) -> dict[str, int]:
    return {"attempts": int(mine.sum()), **{way: int(found[way][mine].sum()) for way in WAYS}}
