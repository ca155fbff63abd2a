"""Where the model was tested and where it was not: the boundaries that stand on its card."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import isfinite
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
    Table,
)
from audits.predeployment.checks.stress import score_words

if TYPE_CHECKING:
    from audits.predeployment.checks.at_site import AtSite
    from federation.domain.data.dataset import SiteData
    from federation.domain.paired import PairedSums

Cell = tuple[str, str, str, int | None, str]  # site, attribute, group, patients, state
SIDES = ("inside", "outside")
MOST_INPUTS = 10_000


@dataclass(frozen=True)
class BoundaryAnswer:
    """One site's ranges and counts.

    Attributes
    ----------
    ranges : mapping of input to (low, high), or None where too few patients were trained on
    outside : int or None
        Audit patients with any input outside the site's own range.
    by_input : mapping of input to int
        Audit patients outside by input; inputs with fewer than 3 are left out.
    cells : mapping of attribute to mapping of group to int or None
        Audit patients; None stands for 1 or 2.
    scores : mapping of "inside" or "outside" to PairedSums of both models
    histograms : mapping of input to counts
        Of the training patients, in the cells of `audits.domain.monitor.histograms`; no cell holds 1 or 2. What the
        running model's inputs are held against.
    """

    patients: int
    trained: int
    shape: tuple[int, ...]
    ranges: Mapping[str, tuple[float, float]] | None
    outside: int | None
    by_input: Mapping[str, int]
    cells: Mapping[str, Mapping[str, int | None]]
    scores: Mapping[str, PairedSums]
    histograms: Mapping[str, list[int]]


class Boundaries(Check):
    id = "boundaries"
    title = "Boundaries of what was tested"
    principle = Principle.TRANSPARENCY
    question = "For which patients and which inputs has the model been tested, and for which has it not?"
    inputs = ("audit patients", "training patients", "both models")
    limit = Limit("tolerated_outside", Direction.AT_MOST)
    parameters = (
        Parameter(
            "tolerated_outside", 0.2, "largest share of patients with an input outside the training range", 0.01, 0.9,
            tightens="down",
        ),
        Parameter("min_count", 30, "fewest audit patients of a group at a site to call it tested", 10, 10_000),
        Parameter("confidence", 0.95, "of each interval", 0.9, 0.999),
    )  # fmt: skip

    def measure(self, at: AtSite) -> Mapping[str, Any]:
        import numpy as np

        from audits.domain.monitor.histograms import MOST_INPUTS, cells_of, counts_of
        from audits.domain.monitor.histograms import shareable as in_cells
        from audits.domain.robustness.operating_range import OperatingRange, inputs_of
        from audits.domain.robustness.paired import EVERYONE, pair_up, shareable
        from audits.domain.robustness.scores import patient_scores
        from federation.domain.paired import LEAST

        data, train = at.audit, at.train
        if data.n_patients < LEAST:
            raise NotMeasured(f"{data.n_patients} audit patients are too few for sums that single nobody out")
        names, values = inputs_of(data)
        seen = inputs_of(train)[1]
        trained = OperatingRange.of(seen)
        answer: dict[str, Any] = {
            "patients": data.n_patients, "trained": train.n_patients, "shape": list(data.x.shape[1:]), "ranges": None,
            "outside": None, "by_input": {}, "scores": {}, "cells": _sizes(data), "histograms": {},
        }  # fmt: skip
        if trained is None:
            return answer
        out = trained.outside(values)
        answer["ranges"] = [
            [name, round(float(low), 4), round(float(high), 4)]
            for name, low, high in zip(names, trained.low, trained.high, strict=True)
        ]
        answer["histograms"] = {
            name: in_cells(counts, LEAST).tolist()
            for name, counts in zip(names, counts_of(cells_of(seen[:, :MOST_INPUTS])), strict=False)
        }
        answer["outside"] = int(out.any(axis=1).sum())
        by_input = {name: int(count) for name, count in zip(names, out.sum(axis=0), strict=True)}
        answer["by_input"] = {name: count for name, count in by_input.items() if count >= LEAST}
        sides = np.where(out.any(axis=1), "outside", "inside")
        parts = {key: rows for key, rows in shareable({"side": sides}, data.n_patients).items() if key != EVERYONE}
        one, two = (patient_scores(at.models[name], data) for name in ("primary", "baseline"))
        answer["scores"] = {key[2]: s.as_list() for key, s in pair_up("", one, two, parts).items()}
        at.tell("ranges", 1, 1)
        return answer

    def read(self, site: str, raw: Mapping[str, Any], settings: Mapping[str, Any]) -> BoundaryAnswer:
        from federation.domain.paired import PairedSums

        patients, trained, outside = raw["patients"], raw["trained"], raw["outside"]
        counts = [patients, trained, *raw["by_input"].values(), *([] if outside is None else [outside])]
        if not all(type(count) is int and count >= 0 for count in counts) or patients < 1:
            raise AnswerError(f"expected counts of patients, got {counts}")
        if max(counts[2:], default=0) > patients:
            raise AnswerError(f"expected at most {patients} patients outside, got {max(counts[2:])}")
        if (raw["ranges"] is None) != (outside is None):
            raise AnswerError("expected ranges exactly where patients outside are counted")
        try:
            ranges = None if raw["ranges"] is None else _ranges(raw["ranges"])
            scores = {side: PairedSums.from_list(raw["scores"][side]) for side in SIDES if side in raw["scores"]}
            histograms = _histograms(raw.get("histograms", {}), trained)
        except (TypeError, ValueError) as error:
            raise AnswerError(str(error)) from error
        if sum(pair.n for pair in scores.values()) > patients:
            raise AnswerError("expected every patient inside or outside once, got more scores than patients")
        cells = {str(name): _cells(groups, patients) for name, groups in raw["cells"].items()}
        return BoundaryAnswer(
            patients, trained, tuple(int(side) for side in raw["shape"]), ranges, outside, dict(raw["by_input"]), cells,
            scores, histograms,
        )  # fmt: skip

    def conclude(self, gathered: Gathered) -> Result:
        from federation.domain.intervals import wilson

        confidence, tolerated = gathered.settings["confidence"], gathered.settings["tolerated_outside"]
        sites: dict[str, BoundaryAnswer] = {site: found[0] for site, found in sorted(gathered.answers.items())}
        ranged = {site: answer for site, answer in sites.items() if answer.outside is not None}
        cells = _tested(sites, gathered.absent, gathered.settings["min_count"])
        ranges = _envelope(ranged)
        evidence = {
            "ranges": [{"input": name, "low": low, "high": high} for name, (low, high) in ranges.items()],
            "shapes": sorted({answer.shape for answer in sites.values()}),
            "cells": [dict(zip(("site", "attribute", "group", "n", "state"), row, strict=True)) for row in cells],
            "not_measured": dict(gathered.absent), "no_range": sorted(sites.keys() - ranged.keys()),
            "histograms": {site: dict(answer.histograms) for site, answer in ranged.items() if answer.histograms},
        }  # fmt: skip
        tables = _tables(cells, ranges, ranged)
        notes = _cell_sentences(cells, evidence)
        if not ranged:
            sentence = "No site trained on enough patients to say which inputs the model has seen."
            return Result(Verdict.NOT_ASSESSABLE, (sentence, *notes), tables=tables, evidence=evidence)
        n, outside = (sum(getattr(a, name) for a in ranged.values()) for name in ("patients", "outside"))
        value, (lower, upper) = outside / n, wilson(outside, n, confidence)
        verdict = Verdict.FAIL if lower > tolerated else Verdict.PASS if upper <= tolerated else Verdict.INCONCLUSIVE
        sentences = (
            f"{outside} of {n} audit patients ({value:.1%}) have an input outside the range that their own site "
            f"trained on ({confidence:.0%} interval {lower:.1%} to {upper:.1%}); at most {tolerated:.0%} is tolerated.",
            *_sides(ranged, gathered.task, confidence, evidence),
            *notes,
        )
        return Result(
            verdict, sentences, value, lower, upper, tolerated, confidence, tables=tables,
            figures=(_by_site(ranged, tolerated, confidence),), evidence=evidence,
        )  # fmt: skip


def _sizes(data: SiteData) -> dict[str, dict[str, int | None]]:
    """Patients of each group by attribute; None stands for 1 or 2."""
    import numpy as np

    from federation.domain.paired import LEAST

    out: dict[str, dict[str, int | None]] = {}
    for attribute, groups in sorted(data.groups.items()):
        sizes = {str(name): int((groups == name).sum()) for name in np.unique(groups)}
        out[attribute] = {name: size if size >= LEAST else None for name, size in sizes.items()}
    return out


def _ranges(raw: Any) -> dict[str, tuple[float, float]]:
    out = {str(name): (float(low), float(high)) for name, low, high in raw}
    if len(out) != len(raw) or len(raw) > MOST_INPUTS:
        raise ValueError("expected each input once")
    if not all(isfinite(low) and isfinite(high) and low <= high for low, high in out.values()):
        raise ValueError("expected ranges of finite numbers, the lower one first")
    return out


def _histograms(raw: Any, trained: int) -> dict[str, list[int]]:
    """A site of an earlier release tells none."""
    from audits.domain.monitor.histograms import CELLS, MOST_INPUTS

    out = {str(name): list(counts) for name, counts in raw.items()}
    if len(out) > MOST_INPUTS or any(len(counts) != CELLS for counts in out.values()):
        raise ValueError(f"expected histograms of {CELLS} cells, of {MOST_INPUTS} inputs at most")
    if not all(type(n) is int and n >= 0 for counts in out.values() for n in counts):
        raise ValueError("expected histograms of counts")
    if any(sum(counts) > trained for counts in out.values()):
        raise ValueError(f"expected histograms of at most {trained} training patients")
    return out


def _cells(raw: Mapping[str, Any], patients: int) -> dict[str, int | None]:
    known = [count for count in raw.values() if count is not None]
    if not all(type(count) is int and count >= 1 for count in known) or sum(known) > patients:
        raise AnswerError(f"expected counts of groups up to {patients} patients together, got {raw!r}")
    return {str(name): count for name, count in raw.items()}


def _tested(sites: Mapping[str, BoundaryAnswer], absent: Mapping[str, str], min_count: int) -> list[Cell]:
    """Each site x group that any site has: tested, too small, or absent."""
    groups = sorted({(name, group) for a in sites.values() for name, found in a.cells.items() for group in found})
    rows: list[Cell] = []
    for site in sorted({*sites, *absent}):
        for name, group in groups:
            count = sites[site].cells.get(name, {}).get(group, 0) if site in sites else 0
            if site not in sites:
                state = "not measured"
            elif count == 0:
                state = "absent"
            else:
                state = "tested" if count is not None and count >= min_count else "too small"
            rows.append((site, name, group, count, state))
    return rows


def _tables(
    cells: list[Cell], ranges: Mapping[str, tuple[float, float]], ranged: Mapping[str, BoundaryAnswer]
) -> tuple[Table, Table]:
    """Who was tested where, and which inputs the sites trained on."""
    return (
        Table(
            "Tested, by site and group", ("Site", "Attribute", "Group", "Patients", "State"), tuple(cells),
            "An empty count is 1 or 2 patients, which the site does not tell apart.",
        ),
        Table(
            "Operating range of the inputs", ("Input", "Low", "High", "Audit patients outside"),
            tuple((name, *bounds, _outside_by(ranged, name)) for name, bounds in ranges.items()),
            "Widest of the sites' 1st to 99th percentiles in training, rounded outwards; 0 to 1 is the clinical "
            "range, or black to white. Fewer than 3 patients outside at a site are not counted here.",
        ),
    )  # fmt: skip


def _by_site(ranged: Mapping[str, BoundaryAnswer], tolerated: float, confidence: float) -> Figure:
    from federation.domain.intervals import wilson

    shares = [
        (site, a.outside / a.patients, *wilson(a.outside, a.patients, confidence), "info")
        for site, a in ranged.items() if a.outside is not None
    ]  # fmt: skip
    options = {"threshold": tolerated, "x_label": "Share outside", "level": f"{confidence:.0%}"}
    return Figure("intervals", "Patients outside the training range, by site", shares, options)


def _cell_sentences(cells: list[Cell], evidence: Mapping[str, Any]) -> list[str]:
    states = [row[4] for row in cells]
    tested, small = states.count("tested"), states.count("too small")
    said = ["No attribute of the patients is recorded, so nobody can say for which groups it was tested."]
    if cells:
        said = [
            f"Of {len(cells)} combinations of site and group {tested} were tested, {small} had too few patients and "
            f"{len(cells) - tested - small} had none: there nothing is known about the model."
        ]
    if evidence["no_range"]:
        said.append(f"At {', '.join(evidence['no_range'])} too few patients were trained on to tell a range.")
    said += [f"{site} was not tested: {reason}." for site, reason in sorted(evidence["not_measured"].items())]
    return said


def _envelope(ranged: Mapping[str, BoundaryAnswer]) -> dict[str, tuple[float, float]]:
    """From the lowest low to the highest high over the sites, in the order of the inputs."""
    out: dict[str, tuple[float, float]] = {}
    for answer in ranged.values():
        for name, (low, high) in (answer.ranges or {}).items():
            known = out.get(name, (low, high))
            out[name] = (min(low, known[0]), max(high, known[1]))
    return out


def _outside_by(ranged: Mapping[str, BoundaryAnswer], name: str) -> int:
    return sum(answer.by_input.get(name, 0) for answer in ranged.values())


def _sides(ranged: Mapping[str, BoundaryAnswer], task: str, confidence: float, evidence: dict[str, Any]) -> list[str]:
    """How well the model does inside and outside the range, where both may be told."""
    found = {side: [a.scores[side] for a in ranged.values() if side in a.scores] for side in SIDES}
    if not all(found.values()):
        return ["Too few patients lie outside at any one site to say how well the model does there."]
    said = []
    for side, parts in found.items():
        total = sum(parts[1:], start=parts[0])
        evidence[side] = {"n": total.n, "primary": total.first / total.n, "baseline": total.second / total.n}
        said.append(f"{side} {total.first / total.n:.3f} (n = {total.n}; classical twin {total.second / total.n:.3f})")
    return [f"The {score_words(task)} is {said[0]} and {said[1]}; counted where a site has 3 or more of each."]
