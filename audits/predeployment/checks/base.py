"""What a check is: one class that says what it measures, measures it at each site and concludes from the sites' sums.

A check never sees the database. `measure` runs in the hospital's worker, beside the patients, and returns plain JSON:
sums and scores, never a row. `conclude` runs on the platform, from what all sites returned. A walk through one is in
docs/design/adding-a-check.md.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from audits.domain.verdict import Verdict
from audits.predeployment.checks.plain import plain
from federation.domain.quantum.spec import noise_of

if TYPE_CHECKING:
    from audits.predeployment.checks.at_site import AtSite

Task = Literal["classification", "segmentation"]


class Principle(StrEnum):
    FAIRNESS = "fairness"
    PRIVACY = "privacy"
    SECURITY = "security"
    TRANSPARENCY = "transparency"
    ACCOUNTABILITY = "accountability"
    PERFORMANCE = "performance"


class Runtime(StrEnum):
    """How long a check takes at one site. HOURS is left to the certification tier."""

    SECONDS = "seconds"
    MINUTES = "minutes"
    HOURS = "hours"


class Direction(StrEnum):
    AT_MOST = "at_most"
    AT_LEAST = "at_least"


class NotMeasured(Exception):
    """Raised by `measure` where a site has nothing to measure; the text says why, for the page. It is no failure."""


class AnswerError(ValueError):
    """Raised by `read` for an answer that cannot be what was asked for. The text says what was expected and came."""


@dataclass(frozen=True)
class Limit:
    """What the figure is held against: the parameter that holds the threshold, and its good side."""

    parameter: str
    direction: Direction


@dataclass(frozen=True)
class Parameter:
    """One setting of a check.

    Attributes
    ----------
    default : int, float, bool or str; its type is the parameter's type
    low, high : inclusive range of a number
    choices : allowed values of a text
    tightens : "down" or "up"
        The direction in which the person who starts an audit may move it away from the approved policy; "" for none.
    """

    name: str
    default: int | float | bool | str
    meaning: str
    low: float | None = None
    high: float | None = None
    choices: tuple[str, ...] = ()
    tightens: Literal["down", "up", ""] = ""


@dataclass(frozen=True)
class Table:
    """Rows for the page and the report. Cells are text, numbers, booleans or None ("not measured")."""

    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[Any, ...], ...]
    note: str = ""


@dataclass(frozen=True)
class Figure:
    """A chart, drawn on the platform by `core.charts`.

    Attributes
    ----------
    kind : "intervals", "bars", "histogram" or "lines"
    rows : what that chart takes
        intervals: (label, value, lower, upper, tone or verdict); bars: (label, value) or (label, value, tone);
        histogram: values; lines: (series name, points [(x, y), ...]) or, with a band, (series name, points,
        [(x, lower, upper), ...]).
    options : keyword arguments of that chart
        x_label, y_label, threshold, threshold_label, allowed, x_range, y_range, marker, tail, level.
    """

    kind: Literal["intervals", "bars", "histogram", "lines"]
    title: str
    rows: Sequence[Any]
    options: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Result:
    """What a check found.

    Attributes
    ----------
    verdict : Verdict
        From bounds, never from a point estimate. Missing data are NOT_ASSESSABLE, a model that the check does not fit
        is NOT_APPLICABLE; neither is a pass.
    sentences : tuple of str
        The figure in plain words, for a reader who is no statistician; the first stands alone.
    value, lower, upper : float or None
        The figure and its bounds; None where not measured, never NaN.
    threshold : float or None
        What the figure was held against.
    level : float or None, in (0, 1)
        Confidence of the bounds.
    change : str
        What would change this verdict; the framework writes a general sentence if it is empty.
    tables, figures : shown in this order under the sentences
    evidence : mapping
        Everything else that a reader needs to check the figure.
    seeds, versions : mapping
        Seeds used, and versions of what computed (the framework adds Python and the class's `libraries`).
    """

    verdict: Verdict
    sentences: tuple[str, ...]
    value: float | None = None
    lower: float | None = None
    upper: float | None = None
    threshold: float | None = None
    level: float | None = None
    change: str = ""
    tables: tuple[Table, ...] = ()
    figures: tuple[Figure, ...] = ()
    evidence: Mapping[str, Any] = field(default_factory=dict)
    seeds: Mapping[str, int] = field(default_factory=dict)
    versions: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Keep only what JSON and the digest can hold."""
        for name in ("value", "lower", "upper", "threshold", "level", "evidence", "seeds", "versions"):
            object.__setattr__(self, name, plain(getattr(self, name)))


@dataclass(frozen=True)
class Gathered:
    """What `conclude` works from.

    Attributes
    ----------
    task : of the model
    settings : mapping
        This check's parameters, as the audit's policy fixed them.
    seed : int
    answers : mapping of site to tuple
        What `read` made of the site's answers, one a shard.
    absent : mapping of site to str
        Sites that had nothing to measure, with their reason.
    facts : mapping
        What the check asked the platform for in its `facts`.
    config : mapping
        The frozen configuration of the training run.
    patients : mapping of site to int
        How many patients each site's manifest leaves for the audit.
    """

    task: Task
    settings: Mapping[str, Any]
    seed: int
    answers: Mapping[str, tuple[Any, ...]] = field(default_factory=dict)
    absent: Mapping[str, str] = field(default_factory=dict)
    facts: Mapping[str, Any] = field(default_factory=dict)
    config: Mapping[str, Any] = field(default_factory=dict)
    patients: Mapping[str, int] = field(default_factory=dict)

    @property
    def each(self) -> list[Any]:
        """Every answer, by site and shard."""
        return [answer for site in sorted(self.answers) for answer in self.answers[site]]

    @property
    def training_backend(self) -> str:
        """How training computed its gradients, for checks that attack or repeat it."""
        noise = noise_of(self.config.get("models", {}).get("primary", {}))
        if noise is None:
            return "torch state vector, analytic, noiseless (no shots)"
        return (
            f"gradients of training: torch, exact, under the noise model {noise.name} (SHA-256 {noise.digest}); "
            "answers: torch state vector, analytic, noiseless (no shots)"
        )


class Check(ABC):
    """One measured requirement.

    Attributes
    ----------
    id : slug, unique over all checks, at most 40 characters
    title : for people, at most 120 characters
    question : what it measures, as a question that a member of an ethics committee would ask
    inputs : what it needs, in words ("audit patients", "both models", "training patients")
    facts : names of what `conclude` needs from the platform ("epsilon", "card", "ledger", "consents", "lineage")
    tasks : the tasks it applies to; on others the framework says NOT_APPLICABLE
    measured_by : id of another check whose answers this one concludes from; "" for its own
    libraries : distributions whose versions belong to the result
    """

    id: ClassVar[str]
    title: ClassVar[str]
    principle: ClassVar[Principle]
    question: ClassVar[str]
    inputs: ClassVar[tuple[str, ...]] = ()
    facts: ClassVar[tuple[str, ...]] = ()
    tasks: ClassVar[tuple[Task, ...]] = ("classification", "segmentation")
    runtime: ClassVar[Runtime] = Runtime.SECONDS
    limit: ClassVar[Limit | None] = None
    parameters: ClassVar[tuple[Parameter, ...]] = ()
    measured_by: ClassVar[str] = ""
    libraries: ClassVar[tuple[str, ...]] = ()

    def shards(self, settings: Mapping[str, Any]) -> int:
        """How many separate orders a site gets. Each takes minutes and is kept, so that long work resumes after it."""
        return 1

    def measure(self, at: AtSite) -> Mapping[str, Any]:
        """At the site: sums and scores as plain JSON. Overridden by every check that needs patients.

        Raises
        ------
        NotMeasured
            If this site has nothing to measure.
        """
        raise NotImplementedError(f"{self.id} measures nothing at the sites")

    def read(self, site: str, raw: Mapping[str, Any], settings: Mapping[str, Any]) -> Any:
        """On the platform: an answer taken apart with suspicion. A signature says who sent it, not that it makes sense.

        Raises
        ------
        AnswerError
            If it cannot be what was asked for.
        """
        return raw

    def counted(self, answer: Any) -> int | None:
        """How many patients an answer that was read counts: no site has more than its manifest. None: not counted.

        Unless a check says otherwise, what its answers call `patients`.
        """
        return getattr(answer, "patients", None) or None

    @abstractmethod
    def conclude(self, gathered: Gathered) -> Result:
        """On the platform: the verdict, from the answers of all sites."""

    @property
    def at_sites(self) -> bool:
        """Whether a site is asked."""
        return bool(self.measured_by) or type(self).measure is not Check.measure
