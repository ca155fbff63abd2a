"""Charts and tables of each check, from its stored evidence alone."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from core.charts import Chart, bar_chart, histogram, interval_chart

METRICS = {
    "tpr": "found (TPR)",
    "fpr": "flagged (FPR)",
    "accuracy": "right",
    "dice": "Dice",
    "selection_rate": "selected",
}
SEGMENTATION = {"tpr": "voxel TPR", "fpr": "voxel FPR"}
ATTRIBUTES = {"age_band": "age", "site": "site"}
FEATURES_SHOWN = 10
Evidence = Mapping[str, Any]


def attribute_name(name: str) -> str:
    """An attribute, or a crossing of several, as a page names it."""
    return " × ".join(ATTRIBUTES.get(part, part.replace("_", " ")) for part in name.split(" × "))


def metric_name(task: str, metric: str) -> str:
    return (SEGMENTATION if task == "segmentation" else {}).get(metric) or METRICS.get(metric, metric)


def _outcome(lower: float, upper: float, threshold: float) -> str:
    return "fail" if lower > threshold else "pass" if upper <= threshold else "inconclusive"


def gap_chart(evidence: Evidence) -> Chart:
    """The largest gap of each attribute and metric, with bounds that hold together."""
    worst: dict[tuple[str, str], Evidence] = {}
    for gap in evidence["gaps"]:
        key = (gap["attribute"], gap["metric"])
        if key not in worst or gap["value"] > worst[key]["value"]:
            worst[key] = gap
    task, threshold = evidence["task"], evidence["threshold"]
    rows = [
        (
            f"{attribute_name(attribute)}: {metric_name(task, metric)}", gap["value"], gap["lower"], gap["upper"],
            _outcome(gap["lower"], gap["upper"], threshold),
        )
        for (attribute, metric), gap in worst.items()
    ]  # fmt: skip
    return interval_chart(
        rows,
        threshold=threshold,
        title=f"Largest gap between groups, {'classical twin' if evidence['model'] == 'baseline' else 'quantum model'}",
        x_label="Gap, 0 (alike) to 1",
        level=f"{evidence['confidence']:.0%}".replace("%", " %"),
        key=evidence["model"],
    )


def rate_rows(evidence: Evidence) -> dict[str, Any]:
    """The table of rates: one row a group, one column a metric."""
    metrics = list(dict.fromkeys(row["metric"] for row in evidence["groups"]))
    rows: dict[tuple[str, str], dict[str, Any]] = {}
    for row in evidence["groups"]:
        rows.setdefault((row["attribute"], row["group"]), {})[row["metric"]] = row
    heads = [metric_name(evidence["task"], metric) for metric in metrics]
    listed = [
        {
            "attribute": attribute_name(attribute),
            "group": group,
            "cells": [(head, found.get(metric)) for head, metric in zip(heads, metrics, strict=True)],
        }
        for (attribute, group), found in rows.items()
    ]
    return {"heads": heads, "rows": listed}


def _bias(evidence: Evidence, policy: Evidence) -> dict[str, Any]:
    task = evidence["task"]
    untestable = [
        {**row, "attribute": attribute_name(row["attribute"]), "metric": metric_name(task, row["metric"])}
        for row in evidence["untestable"]
    ]
    attributes = [
        {
            **row,
            "attribute": attribute_name(row["attribute"]),
            "untested_metrics": [metric_name(task, metric) for metric in row["untested_metrics"]],
        }
        for row in evidence["attributes"]
    ]
    return {
        "chart": gap_chart(evidence),
        "rates": rate_rows(evidence),
        "attributes": attributes,
        "untestable": untestable,
        "sites": evidence["sites_not_assessable"],
        "confidence": evidence["confidence"],
    }


def _kernel_test(evidence: Evidence, policy: Evidence) -> dict[str, Any]:
    tests = []
    for test in evidence["tests"]:
        name = attribute_name(test["attribute"])
        charts = [
            _null(test[kernel], f"{title}: {name}") for kernel, title in (("quantum", "Quantum kernel"), ("rbf", "RBF"))
        ] if test["p_quantum"] is not None else []  # fmt: skip
        tests.append({**test, "name": name, "charts": charts})
    facts: Evidence = next((test["facts"] for test in evidence["tests"] if test["p_quantum"] is not None), {})
    permutations = next((t["permutations"] for t in evidence["tests"] if t["p_quantum"] is not None), None)
    return {"tests": tests, "facts": _kernel_facts(facts, permutations, evidence["policy"]), "alpha": evidence["alpha"]}


def _null(found: Evidence, title: str) -> Chart:
    return histogram(
        found["null"], marker=found["observed"], tail="upper", size="s", title=title,
        x_label="Statistic, if groups were alike", y_label="Permutations",
    )  # fmt: skip


def _kernel_facts(facts: Evidence, permutations: int | None, policy: Evidence) -> list[tuple[str, Any]]:
    words = {
        "backend": "Backend", "qubits": "Qubits", "layers": "Layers", "depth": "Depth", "shots": "Shots",
        "noise_model": "Noise", "seed": "Seed", "bandwidth": "Bandwidth", "bandwidth_chosen": "Bandwidth chosen",
        "baseline": "Baseline",
    }  # fmt: skip
    rows = [(label, facts[name]) for name, label in words.items() if name in facts]
    return [*rows, ("Permutations", permutations), ("Standardised by", policy.get("standardised"))] if rows else []


def _explanations(evidence: Evidence, policy: Evidence) -> dict[str, Any]:
    scores = [("This model", evidence["rcf"]), ("Control that cannot know", evidence["control"])]
    rows = [(label, found["mean"], found["lower"], found["upper"], "plain") for label, found in scores if found]
    parts = [
        ("Fit (R²)", evidence["fit"]),
        ("Stability", evidence["stability"]),
        ("Faithfulness", evidence["faithfulness"]),
        ("On the lesion", evidence["lesion_mass"]),
    ]
    return {
        "scores": interval_chart(
            rows, threshold=evidence["required"], allowed="above", threshold_label="required", x_range=(0.0, 100.0),
            title="Explanation score beside its negative control", x_label="RCF, 0 to 100",
        ),
        "parts": bar_chart(
            [(label, found["mean"]) for label, found in parts if found], x_range=(0.0, 1.0), size="s",
            title="What the score is made of", x_label="Mean, 0 to 1",
        ),
        "weights": _weights(evidence["weights"]),
        "settings": sorted(evidence["settings"].items()),
        "records": [(f"Records of {site}", n) for site, n in sorted(evidence["records"].items())],
    }  # fmt: skip


def _weights(weights: Mapping[str, float]) -> Chart | None:
    if not weights:
        return None
    heaviest = sorted(weights.items(), key=lambda pair: -pair[1])[:FEATURES_SHOWN]
    title = f"Mean weight of a feature: the {len(heaviest)} largest of {len(weights)}"
    return bar_chart(heaviest, size="s", title=title, x_label="Share of the absolute weight")


def _privacy(evidence: Evidence, policy: Evidence) -> dict[str, Any]:
    spent = dict(sorted(evidence["by_site"].items()))
    if not policy["privacy"]["declared"]:
        return {"chart": None, "rows": []}
    budget = evidence["budget"]
    rows = [(site, value, "info" if value is None or value <= budget else "fail") for site, value in spent.items()]
    chart = bar_chart(
        rows, title="Epsilon spent at each site", x_label="Epsilon (upper bound)", threshold=budget,
        threshold_label="consented",
    )  # fmt: skip
    return {"chart": chart, "rows": rows}


def _aif360(evidence: Evidence, policy: Evidence) -> dict[str, Any]:
    found = [{**row, "metric": row["metric"].replace("_", " ")} for row in evidence["rows"]]
    attributes = list(dict.fromkeys(row["attribute"] for row in found if row["attribute"]))
    by: dict[str, list[dict[str, Any]]] = {}
    for row in found:
        if row["attribute"]:
            by.setdefault(row["metric"], []).append({**row, "attribute": attribute_name(row["attribute"])})
    meanings = {row["metric"]: row["meaning"] for row in found}
    return {
        "rows": [{"metric": name, "cells": cells} for name, cells in by.items()],
        "attributes": [attribute_name(name) for name in attributes],
        "meanings": list(meanings.items()),
        "theil": next((row for row in found if not row["attribute"]), None),
        "segmentation": evidence["task"] == "segmentation",
    }


def _representation(evidence: Evidence, policy: Evidence) -> dict[str, Any]:
    groups: Sequence[tuple[str, Any]] = [
        (attribute_name(attribute), sorted(counts.items())) for attribute, counts in sorted(evidence["groups"].items())
    ]
    return {"sites": evidence["sites"], "groups": groups}


PARTS: dict[str, Callable[[Evidence, Evidence], dict[str, Any]]] = {
    "bias_score": _bias,
    "bias_score_baseline": _bias,
    "epsilon": _privacy,
    "quantum_mmd": _kernel_test,
    "lime": _explanations,
    "aif360": _aif360,
    "representation": _representation,
}
