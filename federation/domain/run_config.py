"""The configuration of a training run: everything that the sites consent to, frozen by its hash."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from federation.domain import noise_config
from federation.domain.fairness_config import WHY_NOT_PRIVATE, FairnessConfig
from federation.domain.learning.config import LocalConfig
from federation.domain.messages import digest
from federation.domain.models.specs import runs_on_devices
from federation.domain.noised_scores import ScoresConfig
from federation.domain.participation import Participation
from federation.domain.privacy.config import PrivacyConfig
from federation.domain.quantum.requirement import DeviceRequirement
from federation.domain.secure.config import WHY_NOT_MASKED, SecurityConfig
from federation.domain.start import Start
from federation.domain.strategies.base import Strategy, SumRule
from federation.domain.strategies.registry import RULES, strategy
from federation.domain.terms import Terms

STRATEGIES = tuple(RULES)
MODEL_NAMES = ("primary", "baseline")  # the quantum model under audit; its classical twin, or its ablation
FORMAT = 2
FORMATS = (1, 2, 3)  # 1: local training had four settings; 3: has parts. Older runs keep their hash
FORMAT_WITH_PARTS = 3
LOCAL = "local"
ENGINES = ({"name": "flare"},)
PARTS = (
    "strategy_options",
    "participation",
    "security",
    "privacy",
    "terms",
    "fairness",
    "scores",
    "engine",
    "start",
    "device",
)  # each optional; absent: not in the hash


def carrier(config: Mapping[str, Any]) -> str:
    """The engine of a frozen configuration, as it stands in an order."""
    return str((config.get("engine") or {}).get("name", LOCAL))


@dataclass(frozen=True)
class RunConfig:
    """What is frozen.

    Attributes
    ----------
    task : "classification" or "segmentation"
    models : {"primary": spec, "baseline": spec}
        Specs of federation.domain.models; both are trained on the same patients in each round.
    rounds : int, 1 to 200
    seed : int
        Of the initial weights and of each site's split; training noise is the site's own secret.
    local : LocalConfig
    epsilon_budget : float or None
        What the run may spend of each patient's privacy, over both models; None without differential privacy.
    data_digests : {site: SHA-256 of the site's manifest}
    strategy : str
    format : 1, 2 or 3
        Of the frozen text, and so of the hash; 3 exactly if any of the following parts is there.
    strategy_options : mapping or None
        What the aggregation rule can be told.
    participation : mapping or None
        The quorum of sites and the deadline of a round.
    security : mapping or None
        How updates are compressed, masked and sealed.
    privacy : mapping or None
        The regime of differential privacy.
    terms : mapping or None
        Purpose, legal basis, ethics approval and duration.
    fairness : mapping or None
        How patients are weighed against bias before training.
    scores : mapping or None
        With how much noise scores leave the sites of a run with differential privacy; None: there they do not.
    engine : {"name": "flare"} or None
        What carries the orders to the sites; None: the sites' own workers. So each engine has one hash.
    start : mapping or None
        The version whose weights the first round begins with; None: initial weights of the seed.
    device : mapping or None
        What the device that the circuit is trained for must have shown before the run starts; None: nothing.
    """

    task: str
    models: Mapping[str, Mapping[str, Any]]
    rounds: int
    seed: int
    local: LocalConfig
    epsilon_budget: float | None
    data_digests: Mapping[str, str]
    strategy: str = "fedavg"
    format: int = FORMAT
    strategy_options: Mapping[str, Any] | None = None
    participation: Mapping[str, Any] | None = None
    security: Mapping[str, Any] | None = None
    privacy: Mapping[str, Any] | None = None
    terms: Mapping[str, Any] | None = None
    fairness: Mapping[str, Any] | None = None
    scores: Mapping[str, Any] | None = None
    engine: Mapping[str, Any] | None = None
    start: Mapping[str, Any] | None = None
    device: Mapping[str, Any] | None = None

    def __post_init__(self) -> None:
        if self.format not in FORMATS:
            raise ValueError(f"expected run configuration format 1, 2 or 3, got {self.format!r}")
        if bool(self.parts) != (self.format == FORMAT_WITH_PARTS):
            raise ValueError(f"expected format {FORMAT_WITH_PARTS} exactly with any of {PARTS}, got {self.format!r}")
        if self.task not in {"classification", "segmentation"}:
            raise ValueError(f"expected the task classification or segmentation, got {self.task!r}")
        if set(self.models) != set(MODEL_NAMES):
            raise ValueError(f"expected the models {MODEL_NAMES}, got {sorted(self.models)}")
        if not isinstance(self.rounds, int) or not 1 <= self.rounds <= 200:
            raise ValueError(f"expected 1 to 200 rounds, got {self.rounds!r}")
        self._check_rule()
        if (self.local.dp is None) != (self.epsilon_budget is None):
            raise ValueError("expected a privacy budget exactly if training is differentially private")
        if self.privacy is not None:
            PrivacyConfig.from_dict(self.privacy).require_agreement(
                dp=self.local.dp, epsilon_budget=self.epsilon_budget
            )
        if self.epsilon_budget is not None and not 0 < self.epsilon_budget < 1000:
            raise ValueError(f"expected a privacy budget over 0 and under 1000, got {self.epsilon_budget}")
        if self.terms is not None and Terms.from_dict(self.terms).epsilon != self.epsilon_budget:
            raise ValueError(f"expected the privacy budget {self.epsilon_budget} in the terms too")
        if self.security is not None:
            SecurityConfig.from_dict(self.security).check_fits(sites=self.data_digests)
        if (noise := self.shared_noise) is not None:
            noise_config.check(noise, self.security, self.rule, sites=len(self.data_digests))
        if self.engine is not None and dict(self.engine) not in ENGINES:
            raise ValueError(f"expected an engine among {list(ENGINES)}, or none for the sites' own workers")
        if self.fairness is not None:
            self._check_fairness(FairnessConfig.from_dict(self.fairness))
        if self.scores is not None:
            self._check_scores(ScoresConfig.from_dict(self.scores))
        if self.start is not None:
            Start.from_dict(self.start)
        if self.device is not None:
            primary = self.models["primary"]
            DeviceRequirement.from_dict(self.device).check_fits(primary, on_devices=runs_on_devices(primary))

    def _check_scores(self, scores: ScoresConfig) -> None:
        if self.epsilon_budget is None:
            raise ValueError("expected no noise on scores without differential privacy: nothing bounds that run's loss")
        if scores.epsilon > self.epsilon_budget:
            raise ValueError(
                f"expected scores that spend at most the run's ε {self.epsilon_budget:g} of a patient, got "
                f"{scores.epsilon:g}"
            )

    def _check_fairness(self, fairness: FairnessConfig) -> None:
        if self.local.dp is not None:
            raise ValueError(WHY_NOT_PRIVATE)
        least = (self.security or {}).get("min_cell", 0)
        if fairness.min_cell < least:
            raise ValueError(
                f"expected min_cell of fairness of at least {least}, as in security, got {fairness.min_cell}"
            )

    def _check_rule(self) -> None:
        if self.security is not None and self.security.get("masking"):
            self._check_maskable()
        needed, sites = (
            Participation.from_dict(self.participation).needed(len(self.data_digests)),
            len(self.data_digests),
        )
        asked = (self.participation or {}).get("quorum")
        if asked is not None and asked > sites:
            raise ValueError(f"expected a quorum of at most the run's {sites} sites, got {asked}")
        if needed < self.rule.fewest:
            raise ValueError(
                f"{self.rule.title} with these options needs {self.rule.fewest} sites in every round, the quorum is "
                f"{needed}; raise it or choose another rule"
            )

    def _check_maskable(self) -> None:
        """A masked sum is of weights as they are: what else a rule would add up, no site masks."""
        rule = self.rule
        if not isinstance(rule, SumRule):
            raise ValueError(
                f"{rule.title} cannot be had with secure aggregation: {WHY_NOT_MASKED}; choose one of them"
            )
        if type(rule).contribution is not SumRule.contribution or type(rule).weight is not SumRule.weight:
            raise ValueError(
                f"{rule.title} cannot be had with secure aggregation here: it adds up something else than the weights, "
                "which the sites do not mask; choose one of them"
            )

    @property
    def carried_by(self) -> str:
        return str((self.engine or {}).get("name", LOCAL))

    @property
    def rule(self) -> Strategy:
        """The aggregation rule with its options."""
        return strategy(self.strategy, self.strategy_options)

    @property
    def shared_noise(self) -> PrivacyConfig | None:
        """The regime of privacy, if all sites make the noise together; then a round is one step."""
        return noise_config.shared_noise(self.privacy)

    @property
    def is_scored(self) -> bool:
        """Whether the sites score the rounds. Under differential privacy only with noise, if that was agreed."""
        return self.local.dp is None or self.scores is not None

    def as_dict(self) -> dict[str, Any]:
        return {
            "format": self.format,
            "task": self.task,
            "models": {name: dict(spec) for name, spec in self.models.items()},
            "rounds": self.rounds,
            "seed": self.seed,
            "local": self.local.as_format_1() if self.format == 1 else self.local.as_dict(),
            "epsilon_budget": self.epsilon_budget,
            "data_digests": dict(self.data_digests),
            "strategy": self.strategy,
            **self.parts,
        }

    @property
    def parts(self) -> dict[str, dict[str, Any]]:
        """The optional parts that are there."""
        return {name: dict(part) for name in PARTS if (part := getattr(self, name)) is not None}

    @classmethod
    def from_dict(cls, raw: Mapping[str, Any]) -> RunConfig:
        """Read what `as_dict` wrote. Raises ValueError on anything else."""
        if "format" not in raw:
            raise ValueError("expected run configuration format 1, 2 or 3, got none")
        return cls(**{**raw, "local": LocalConfig.from_dict(raw["local"])})

    @property
    def hash(self) -> str:
        return digest(self.as_dict())
