"""The report laid out as sections of blocks, and typeset. Everything comes from the JSON of `content`."""

from __future__ import annotations

import datetime as dt
import hashlib
from collections.abc import Mapping
from typing import Any

from audits.predeployment.figures import drawn
from audits.predeployment.report.cells import alike, result_table, shown, words_of
from audits.predeployment.report.verifying import PROGRAM, STEPS
from audits.typesetting import formats as f
from audits.typesetting.blocks import (
    Block,
    Cell,
    badge,
    code,
    facts,
    mono,
    muted,
    paragraph,
    stack,
    strong,
    subheading,
    table,
    table_or_empty,
    text,
    verdict,
)
from audits.typesetting.pdf import Picture, picture, typeset
from federation.domain.messages import canonical
from models_registry.card_facts import KINDS

L, R = "left", "right"
Report = Mapping[str, Any]
DECIDES = {"certifies": "It must pass", "refutes": "A fail decides", "informs": "It informs, and decides nothing"}
QUICK = (
    "This is a quick audit: it takes minutes. Its attacks on privacy can fail a model, they cannot certify one; a "
    "certification audit can."
)


def render(report: Report) -> bytes:
    """The PDF of a report.

    Raises
    ------
    RenderError
        If typst refuses it.
    """
    attachment = canonical(report)
    pictures: dict[str, Picture] = {}
    sections = [_section("overview", "Outcome by principle", _overview(report))]
    if report["side_by_side"]:
        sections.append(_section("models", "Both models side by side", _side_by_side(report)))
    by_id = {part["content"]["check_id"]: part for part in report["checks"]}
    for principle in report["principles"]:
        ids = [*principle["deciding"], *principle["informing"]]
        if ids:
            blocks = [paragraph(principle["asks"])]
            for check_id in ids:
                blocks += _check(by_id[check_id], pictures)
            sections.append(_section(principle["id"], principle["name"], blocks))
    if report["guide"]:
        sections.append(_section("guide", "Which harm shows where", _guide(report)))
    sections.append(_section("origin", "Who asked, who answered, what it cost", _origin(report)))
    sections.append(_section("verify", "How to verify this report", _verify(report)))
    cover = _cover(report, hashlib.sha256(attachment).hexdigest())
    return typeset({"cover": cover, "sections": sections}, attachment=attachment, pictures=pictures)


def _section(name: str, heading: str, blocks: list[Block]) -> dict[str, Any]:
    return {"name": name, "heading": heading, "blocks": blocks}


def _cover(report: Report, digest: str) -> dict[str, Any]:
    audit, model = report["audit"], report["model"]
    ended = dt.datetime.fromisoformat(audit["finished_at"] or audit["started_at"])
    said = [audit["explanation"], audit["allows"], *([QUICK] if audit["tier"] == "quick" else [])]
    return {
        "title": "Audit report",
        "subtitle": model["name"],
        "document_title": f"Audit report: {model['name']}",
        "description": f"{audit['tier'].capitalize()} audit {audit['id']}",
        "running": f"Audit {audit['id']} of {model['name']}",
        "notice": None,
        "blocks": [
            verdict("Verdict of the audit", words_of(audit["verdict"]), said),
            facts(
                ("Audit", mono(audit["id"])),
                ("Federation", text(model["federation"])),
                ("Tier, policy", text(f"{audit['tier'].capitalize()}, {report['policy']['name'] or 'none'}")),
                ("Finished", text(f.instant(ended))),
                ("Audit's digest", mono(audit["digest"])),
                ("Ledger entry", text(f.count(report["ledger"]["finished"]["entry"]))),
                ("JSON SHA-256", mono(digest)),
            ),
        ],
        "date": f.parts(ended),
        "digest": digest,
        "depth": 2,
    }  # fmt: skip


def _overview(report: Report) -> list[Block]:
    parts = {part["content"]["check_id"]: part for part in report["checks"]}

    def listed(ids: list[str]) -> Cell:
        lines = [stack(text(parts[name]["content"]["title"]), badge(_outcome(parts[name]))) for name in ids]
        return stack(*lines) if lines else muted("nothing")

    rows = [
        [
            stack(strong(part["name"]), muted(part["asks"])), badge(_outcome(part)),
            listed(part["deciding"]), listed(part["informing"]),
        ]
        for part in report["principles"]
    ]  # fmt: skip
    columns = [("Principle", 2.2, L), ("Outcome", 1.5, L), ("What decides", 2.6, L), ("What informs", 2.6, L)]
    model, policy = report["model"], report["policy"]
    note = (
        "A principle passes when every check passes that must. Checks that inform decide nothing. Each verdict comes "
        "from the bounds of an interval, never from a figure alone; what could not be measured is no pass."
    )
    return [
        paragraph(note),
        table("Outcome by principle", columns, rows),
        subheading("What was audited"),
        facts(
            ("Model", stack(text(model["name"]), mono(model["version"]))),
            ("Task", text(model["task"])),
            ("Quantum model", stack(text(_kind(model["quantum"])), mono(model["weights_sha256"]))),
            (model["beside"], stack(text(_kind(model["classical_twin"])), mono(model["baseline_weights_sha256"]))),
            *_begun(model),
            ("Configuration", mono(model["config_sha256"])),
            ("Policy", stack(text(policy["name"] or "none"), mono(policy["sha256"] or "no digest"))),
            ("Seed", text(str(policy["fixed"]["seed"]))),
            ("Reference groups", text(shown(policy["fixed"].get("reference_groups") or None))),
        ),
    ]


def _side_by_side(report: Report) -> list[Block]:
    def figure(value: Any, bounds: list[float | None]) -> Cell:
        said, low, high = alike([value, *bounds])
        return stack(text(said), *([] if bounds[0] is None else [muted(f"{low} to {high}")]))

    rows = [
        [
            strong(pair["title"]), text(pair["what"]), figure(pair["quantum"], pair["quantum_bounds"]),
            figure(pair["classical"], pair["classical_bounds"]),
        ]
        for pair in report["side_by_side"]
    ]  # fmt: skip
    columns = [("Check", 2.4, L), ("Figure", 2.2, L), ("Quantum", 1.5, L), (report["model"]["beside"], 1.5, L)]
    note = (
        "The same figure of both models on the same patients. Whether they differ beyond chance stands with each check."
    )
    return [paragraph(note), table("Both models of the run", columns, rows)]


def _outcome(part: Mapping[str, Any]) -> str:
    return part["words"] or words_of(part["outcome"])


def _check(part: Mapping[str, Any], pictures: dict[str, Picture]) -> list[Block]:
    row = part["content"]
    told = row["provenance"]
    value, low, high, limit = alike([row[name] for name in ("value", "lower", "upper", "threshold")])
    blocks = [
        subheading(row["title"], _outcome(part), told.get("question", "")),
        paragraph(row["sentence"]),
        facts(
            ("Figure", strong(value)),
            (_level(row["level"]), text(_bounds(row, low, high))),
            ("Limit", text("none" if row["threshold"] is None else limit)),
            ("Weight", text(DECIDES[row["decides"]])),
            ("What would change it", text(row["change"] or "nothing is said")),
        ),
    ]
    for number, chart in enumerate(drawn(row["figures"], key=row["check_id"], palette="print")):
        place = f"{row['check_id']}.{number}"
        pictures[place] = picture(place, str(chart.svg), number=len(pictures))
        blocks.append(pictures[place].block)
    for given in row["tables"]:
        blocks += result_table(given)
    return [*blocks, _measured(part)]


def _begun(model: Mapping[str, Any]) -> list[tuple[str, Cell]]:
    """The version that the model began from, and whose patients had influenced that one."""
    start = model.get("begins_from")
    if start is None:
        return []
    whose = muted(f"learned from patients of {', '.join(start['learned_from'])}")
    return [("Begins from", stack(text(start["name"]), mono(start["version"]), whose))]


def _kind(name: str) -> str:
    words = KINDS.get(name, name)
    return words[:1].upper() + words[1:]


def _level(level: float | None) -> str:
    return "Interval" if level is None else f"Interval, {level:.0%}".replace("%", " %")


def _bounds(row: Mapping[str, Any], low: str, high: str) -> str:
    if row["lower"] is None and row["upper"] is None:
        return "none"
    return f"{'open' if row['lower'] is None else low} to {'open' if row['upper'] is None else high}"


def _measured(part: Mapping[str, Any]) -> Block:
    told = part["content"]["provenance"]
    rows: list[tuple[str, Cell]] = [("It needs", text(", ".join(told.get("inputs", [])) or "nothing"))]
    for label, name in (("Settings", "settings"), ("Seeds", "seeds"), ("Versions", "versions")):
        if told.get(name):
            # a seed is a name, not an amount: no spaces between its thousands
            given = {key: str(seed) for key, seed in told[name].items()} if name == "seeds" else told[name]
            rows.append((label, text(shown(given))))
    if part["seconds"]:
        rows.append(("Seconds", text(shown(part["seconds"]))))
    return facts(*rows, ("SHA-256 of the result", mono(part["sha256"])))


def _guide(report: Report) -> list[Block]:
    rows = [
        [
            text(line["harm"]), text(line["hurts"]),
            stack(text(line["metric"]), muted(line["where"] if line["measured"] else "not measured in this audit")),
            text(line["blind_spot"]),
        ]
        for line in report["guide"]
    ]  # fmt: skip
    columns = [
        ("Harm feared", 2.2, L), ("Whom it hurts", 1.6, L), ("Figure, and where", 2.4, L),
        ("What it does not see", 2.6, L),
    ]  # fmt: skip
    return [table("From the harm feared to the figure", columns, rows)]


def _origin(report: Report) -> list[Block]:
    answers = [[text(name), mono(value)] for name, value in sorted(report["answers"].items())]
    cost = report["cost"]
    spent = [[text(site), text(shown(seconds))] for site, seconds in cost["sites"].items()]
    spent.append([text("Platform"), text(shown(cost["platform"]))])
    return [
        facts(
            ("Asked for by", mono(asked) if (asked := report["audit"]["asked_by"]) else text("the platform")),
            ("Started", text(f.instant(dt.datetime.fromisoformat(report["audit"]["started_at"])))),
            ("Start to end", text(f"{shown(cost['whole'])} s")),
        ),
        paragraph("People stand here by the pseudonym under which the ledger knows them, never by name."),
        table_or_empty(
            "No site was asked.", "Signed answers: site, measurement and part",
            [("Answer", 2, L), ("SHA-256 of what the site signed", 3.4, L)], answers,
        ),
        table("Seconds of work", [("Where", 2, L), ("Seconds", 1, R)], spent),
    ]  # fmt: skip


def _verify(report: Report) -> list[Block]:
    entry, leaf = report["ledger"]["finished"]["entry"], report["ledger"]["finished"]["leaf_hash"]
    return [
        *(paragraph(step) for step in STEPS),
        code(PROGRAM),
        facts(("Ledger entry", text(f.count(entry))), ("Its leaf hash", mono(leaf))),
    ]
