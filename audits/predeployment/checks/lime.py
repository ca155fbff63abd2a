"""How far the reasons that LIME gives for single answers can be relied on, beside two models that cannot know."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from audits.domain.verdict import Verdict
from audits.predeployment.checks.base import (
    AnswerError,
    Check,
    Direction,
    Figure,
    Gathered,
    Limit,
    NotMeasured,
    Parameter,
    Principle,
    Result,
    Runtime,
    Table,
)

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from audits.domain.explain.conclusion import Explanation, Interval, SiteExplanation
    from audits.domain.explain.lime_image import ImageSettings
    from audits.domain.explain.lime_tabular import TabularSettings
    from audits.predeployment.checks.at_site import AtSite
    from federation.domain.models.base import Model

SHOWN = 10
KINDS = ("tabular", "image")
_RULES = ("required", "margin", "lesion_required", "most_on_one")


class Lime(Check):
    id = "lime"
    title = "Explanations by LIME"
    principle = Principle.TRANSPARENCY
    question = "Can the reasons given for a single answer be relied on, and do they point at the disease?"
    inputs = ("audit patients", "training patients", "the model under audit")
    runtime = Runtime.MINUTES
    limit = Limit("required", Direction.AT_LEAST)
    parameters = (
        Parameter("required", 80.0, "explanation score (RCF) asked for, of 100", 50.0, 100.0, tightens="up"),
        Parameter("margin", 20.0, "by how much both controls must score below it", 5.0, 90.0, tightens="up"),
        Parameter("lesion_required", 0.05, "share of weight on the lesion beyond its area", 0.01, 0.9, tightens="up"),
        Parameter("most_on_one", 0.5, "largest share of weight on one column of a table", 0.1, 1.0, tightens="down"),
        Parameter("row_records", 8, "patients explained at a site (tables)", 2, 50, tightens="up"),
        Parameter("row_samples", 500, "perturbed rows of one explanation", 50, 5000, tightens="up"),
        Parameter("row_seeds", 5, "explanations of one patient (tables)", 2, 10, tightens="up"),
        Parameter("row_top", 3, "columns hidden to measure faithfulness", 1, 10),
        Parameter("image_records", 6, "patients explained at a site (images)", 2, 50, tightens="up"),
        Parameter("segmenter", "slic", "how an image is cut into parts", choices=("slic", "grid")),
        Parameter("image_parts", 25, "about how many parts an image is cut into", 4, 200),
        Parameter("image_samples", 120, "perturbed images of one explanation", 50, 2000, tightens="up"),
        Parameter("image_seeds", 4, "explanations of one image", 2, 10, tightens="up"),
        Parameter("image_top", 5, "parts hidden to measure faithfulness", 1, 20),
        Parameter("control_records", 4, "of these patients, how many each control explains", 2, 50, tightens="up"),
        Parameter("control_steps", 60, "training steps of the control with shuffled labels", 8, 1000, tightens="up"),
    )
    libraries = ("lime", "numpy", "scikit-image", "scikit-learn", "torch")

    def measure(self, at: AtSite) -> Mapping[str, Any]:
        explain = _explained_images if at.imaged else _explained_rows
        return {"settings": dict(at.settings), **explain(at).as_dict()}

    def read(self, site: str, raw: Mapping[str, Any], settings: Mapping[str, Any]) -> SiteExplanation:
        from audits.domain.explain.conclusion import SiteExplanation

        if (came := raw["settings"]) != settings:
            other = sorted(name for name in {*came, *settings} if came.get(name) != settings.get(name))
            names = ", ".join(f"{name}={settings.get(name)!r}" for name in other)
            raise AnswerError(f"expected explanations with the registered settings {names}; got others")
        if raw["kind"] not in KINDS:
            raise AnswerError(f"expected tabular or image explanations, got {raw['kind']!r}")
        most = settings["row_records" if raw["kind"] == "tabular" else "image_records"]
        return SiteExplanation.from_dict(raw, most=most)

    def conclude(self, gathered: Gathered) -> Result:
        from audits.domain.explain.conclusion import Rules, combine

        sites = {site: answers[0] for site, answers in gathered.answers.items()}
        if gathered.task == "segmentation" and any(found.kind != "image" for found in sites.values()):
            strange = ", ".join(sorted(site for site, found in sites.items() if found.kind != "image"))
            raise ValueError(f"expected image explanations, got others from {strange}")
        chosen = gathered.settings
        found = combine(sites, Rules(**{name: chosen[name] for name in _RULES}))
        rcf = found.rcf
        return Result(
            found.verdict, found.sentences, rcf.mean if rcf else None, rcf.lower if rcf else None,
            rcf.upper if rcf else None, found.required, 0.95,
            tables=(_table(found),), figures=_figures(found),
            evidence={
                **found.as_dict(), "settings": dict(chosen), "not_measured": dict(gathered.absent),
                "records": {site: answer.parts["rcf"].n for site, answer in sites.items()},
            },
            seeds={"audit": gathered.seed}, change=_change(found),
        )  # fmt: skip


def _change(found: Explanation) -> str:
    """What would change an inconclusive verdict that more patients would not; "" leaves it to the framework."""
    if found.verdict is not Verdict.INCONCLUSIVE or not found.doubts:
        return ""
    return "It passes when what speaks against the score here is settled and the whole interval reaches what is asked."


def _explained_rows(at: AtSite) -> SiteExplanation:
    from audits.domain.explain.conclusion import LEAST_RECORDS, SiteExplanation
    from audits.domain.explain.lime_tabular import explain_rows
    from federation.domain.learning.evaluation import predict

    if at.train.n_patients < 2:
        raise NotMeasured("LIME needs the spread of at least two training patients")
    rows = at.audit.x[_some(at, at.audit.n_patients, "row_records")]
    if len(rows) < LEAST_RECORDS:
        raise NotMeasured(f"{len(rows)} audit patient is too few for sums that single nobody out")
    seed, settings = _seed(at), _row_settings(at.settings)

    def explained(model: Model, asked: NDArray[np.float32], what: str) -> Any:
        return explain_rows(
            lambda x: predict(model, x, "classification").probability, at.train.x, asked, settings=settings, seed=seed,
            tell=lambda record: at.tell(what, record + 1, len(asked)),
        )  # fmt: skip

    scores, weights = explained(at.models["primary"], rows, "explaining answers")
    few = rows[: at.settings["control_records"]]
    controls = {name: explained(model, few, f"control: {name}")[0] for name, model in _controls(at).items()}
    shares = dict(zip(at.audit.feature_names, weights.round(4).tolist(), strict=True)) if weights.any() else {}
    return SiteExplanation.of("tabular", scores, controls, shares)


def _explained_images(at: AtSite) -> SiteExplanation:
    """Of some ill patients, drawn at random, the image; if lesions are outlined, the slice that holds most of it."""
    import numpy as np

    from audits.domain.explain.conclusion import LEAST_RECORDS, SiteExplanation
    from audits.domain.explain.lime_image import explain_images

    data, settings, seed = at.audit, _image_settings(at.settings), _seed(at)
    outlined = data.task == "segmentation"
    area = data.y.astype(bool).sum(axis=(1, 2)) if outlined else data.y
    diseased = np.unique(data.patient_index[area > 0])
    if len(diseased) < LEAST_RECORDS:
        who = "audit patients with a lesion" if outlined else "ill audit patients"
        raise NotMeasured(f"{len(diseased)} {who} are too few; {LEAST_RECORDS} are needed")
    chosen = diseased[_some(at, len(diseased), "image_records")]
    rows = np.array([int(np.argmax(np.where(data.patient_index == patient, area, -1))) for patient in chosen])

    def told(what: str, of: int) -> Callable[[int], None]:
        return lambda record: at.tell(what, record + 1, of)

    scores = explain_images(
        _illness(at.models["primary"]), data.x[rows], lesions=data.y[rows].astype(bool) if outlined else None,
        settings=settings, seed=seed, tell=told("explaining answers", len(rows)),
    )  # fmt: skip
    few = rows[: at.settings["control_records"]]
    controls = {
        name: explain_images(
            _illness(model), data.x[few], settings=settings, seed=seed, scores_only=True,
            tell=told(f"control: {name}", len(few)),
        )
        for name, model in _controls(at).items()
    }  # fmt: skip
    return SiteExplanation.of("image", scores, controls)


def _controls(at: AtSite) -> dict[str, Model]:
    """Both models that cannot know, as far as they can be made here; `combine` asks for them."""
    from audits.domain.explain.controls import label_permuted, randomised

    model = at.models["primary"]
    blind = label_permuted(
        model, at.train, at.rng("labels"), steps=at.settings["control_steps"],
        tell=lambda step, steps: at.tell("training the control with shuffled labels", step, steps),
    )  # fmt: skip
    return {"weights": randomised(model, at.rng("weights")), **({"labels": blind} if blind is not None else {})}


def _illness(model: Model) -> Callable[[NDArray[np.float32]], NDArray[np.floating]]:
    """How sure the model is that an image is of an ill patient."""
    from audits.domain.explain.lime_image import lesion_score
    from federation.domain.learning.evaluation import predict

    def score(images: NDArray[np.float32]) -> NDArray[np.floating]:
        probability = predict(model, images, model.task).probability
        return probability if model.task == "classification" else lesion_score(probability)

    return score


def _some(at: AtSite, count: int, setting: str) -> NDArray[np.int64]:
    return at.rng("records").permutation(count)[: at.settings[setting]]


def _seed(at: AtSite) -> int:
    return int(at.rng("explanations").integers(2**31 - 100_000))


def _row_settings(chosen: Mapping[str, Any]) -> TabularSettings:
    from audits.domain.explain.lime_tabular import TabularSettings

    return TabularSettings(chosen["row_samples"], chosen["row_seeds"], chosen["row_top"])


def _image_settings(chosen: Mapping[str, Any]) -> ImageSettings:
    from audits.domain.explain.lime_image import ImageSettings

    return ImageSettings(
        chosen["segmenter"], chosen["image_parts"], chosen["image_samples"], chosen["image_seeds"], chosen["image_top"]
    )


_PARTS = {
    "rcf": "Score (RCF), of 100",
    "fit": "Fit: how well the reasons describe the model near the patient (R²)",
    "stability": "Stability: how alike the reasons are when LIME runs again",
    "faithfulness": "Faithfulness: how much the answer falls when the named reasons are hidden",
    "lesion_mass": "Weight on the lesion, beyond its area",
}


def _table(found: Explanation) -> Table:
    from audits.domain.explain.conclusion import CONTROLS

    read = {words: getattr(found, name) for name, words in _PARTS.items()}
    read |= {f"Control: {words}": found.controls.get(name) for name, words in CONTROLS.items()}
    rows = tuple((label, *_cells(interval)) for label, interval in read.items())
    note = "RCF is 100 times the geometric mean of fit, stability and faithfulness. Weight on the lesion is apart."
    return Table("What the score is made of", ("Part", "Records", "Mean", "From", "To"), rows, note)


def _cells(found: Interval | None) -> tuple[Any, ...]:
    return (found.n, found.mean, found.lower, found.upper) if found else (0, None, None, None)


def _figures(found: Explanation) -> tuple[Figure, ...]:
    from audits.domain.explain.conclusion import CONTROLS

    if found.rcf is None:
        return ()
    scores = {"This model": found.rcf} | {CONTROLS[name]: control for name, control in found.controls.items()}
    figures = [
        Figure(
            "intervals", "Explanation score beside models that cannot know",
            [(label, read.mean, read.lower, read.upper, "plain") for label, read in scores.items()],
            {"threshold": found.required, "allowed": "above", "threshold_label": "required", "x_range": (0.0, 100.0),
             "x_label": "RCF, 0 to 100"},
        )
    ]  # fmt: skip
    if found.weights:
        heaviest = sorted(found.weights.items(), key=lambda pair: -pair[1])[:SHOWN]
        title = f"Mean weight of a column: the {len(heaviest)} largest of {len(found.weights)}"
        figures.append(Figure("bars", title, heaviest, {"x_label": "Share of the absolute weight"}))
    return tuple(figures)
