"""The ledger's drawings: the way from a leaf to the signed root, and how far the chain is behind."""

from __future__ import annotations

from collections.abc import Sequence

from django.utils.translation import gettext as _

from core.charts import Chart, Series, line_chart
from core.charts.svg import Canvas, Table, moment, short
from provenance.models import Anchor
from provenance.presentation import Evidence, Step

WIDTH, MIDDLE = 400.0, 200.0
BOX, HIGH = 112.0, 34.0  # a hash
SIDE = 66.0  # from the edge to the middle of a sibling
STEP = 64.0
TOP = 104.0  # of the checkpoint's box
ANCHORS_DRAWN = 60
DIGITS = 10


def proof_chart(evidence: Evidence, *, anchor_words: str, witness_words: str) -> Chart | None:
    """The inclusion proof as a ladder: the leaf below, each sibling at its side, the signed checkpoint on top.

    None while no checkpoint covers the entry. The chart's table says the same in words.
    """
    checkpoint, steps = evidence.inclusion.checkpoint, evidence.steps
    if checkpoint is None:
        return None
    entry, good = evidence.inclusion.entry, not evidence.problems
    canvas = Canvas(WIDTH, TOP + STEP * (len(steps) + 1) + 66)
    leaf_y = canvas.height - 48
    _checkpoint(canvas, checkpoint.size, good, anchor_words, witness_words)
    places = [leaf_y - STEP * number for number in range(len(steps) + 1)]
    for number, step in enumerate(steps):
        _edges(canvas, step, places[number], places[number + 1])
    _edge(canvas, MIDDLE, places[-1] - HIGH / 2, MIDDLE, TOP, good)
    _node(canvas, MIDDLE, leaf_y, evidence.leaf_hash, "s1" if steps else _tone(good))
    canvas.text("c-strong", MIDDLE, leaf_y + HIGH / 2 + 17, _("Entry %(n)s") % {"n": entry.seq}, "middle")
    for number, step in enumerate(steps, start=1):
        is_root = number == len(steps)
        _node(canvas, MIDDLE, places[number], step.gives, _tone(good) if is_root else "s1")
        _sibling(canvas, step, places[number - 1])
    if steps:
        canvas.text("c-strong", MIDDLE + BOX / 2 + 8, places[-1] + 4, _("Root"))
    title = _("From entry %(n)s to the signed root") % {"n": entry.seq}
    table = Table((_("Step"), _("Sibling stands"), _("Sibling"), _("Gives")), tuple(_line(step) for step in steps))
    said = _description(evidence, checkpoint.size, anchor_words, witness_words)
    return canvas.finish(title=title, description=said, table=table, size="s", key="proof")


def _tone(good: bool) -> str:
    return "t-pass" if good else "t-fail"


def _checkpoint(canvas: Canvas, size: int, good: bool, anchor: str, witness: str) -> None:
    tone = _tone(good)
    canvas.shape("rect", f"c-band {tone}", x=20, y=4, width=WIDTH - 40, height=TOP - 4, rx=10)
    canvas.shape("rect", f"c-whisker {tone}", x=20, y=4, width=WIDTH - 40, height=TOP - 4, rx=10)
    canvas.text("c-strong", MIDDLE, 28, _("Signed checkpoint of %(size)s entries") % {"size": f"{size:,}"}, "middle")
    told = _("Root computed = root signed") if good else _("The computed root is not the signed one")
    canvas.text(f"c-tone-text {tone}", MIDDLE, 48, told, "middle")
    canvas.text("c-label", MIDDLE, 70, short(witness, WIDTH - 60), "middle")
    canvas.text("c-label", MIDDLE, 90, short(anchor, WIDTH - 60), "middle")


def _node(canvas: Canvas, x: float, y: float, value: bytes, role: str) -> None:
    canvas.shape("rect", "c-paper", x=x - BOX / 2, y=y - HIGH / 2, width=BOX, height=HIGH, rx=8)
    canvas.shape("rect", f"c-band {role}", x=x - BOX / 2, y=y - HIGH / 2, width=BOX, height=HIGH, rx=8)
    canvas.shape("rect", f"c-whisker {role}", x=x - BOX / 2, y=y - HIGH / 2, width=BOX, height=HIGH, rx=8)
    canvas.text("c-mono c-label", x, y + 4, value.hex()[:DIGITS] + "\u2026", "middle")


def _sibling(canvas: Canvas, step: Step, y: float) -> None:
    x = SIDE if step.side == "left" else WIDTH - SIDE
    canvas.shape("rect", "c-frame", x=x - BOX / 2, y=y - HIGH / 2, width=BOX, height=HIGH, rx=8)
    canvas.text("c-mono", x, y + 4, step.sibling.hex()[:DIGITS] + "\u2026", "middle")


def _edges(canvas: Canvas, step: Step, low: float, high: float) -> None:
    """From a hash and its sibling up to what they give."""
    x = SIDE if step.side == "left" else WIDTH - SIDE
    turn = high + HIGH / 2 + 8
    canvas.shape("path", "c-axis c-hollow", d=f"M{x:g} {low - HIGH / 2:g}V{turn:g}H{MIDDLE:g}")
    _edge(canvas, MIDDLE, low - HIGH / 2, MIDDLE, high + HIGH / 2, True)


def _edge(canvas: Canvas, x1: float, y1: float, x2: float, y2: float, good: bool) -> None:
    canvas.line(f"c-whisker {'s1' if good else 't-fail'}", x1, y1, x2, y2)


def _line(step: Step) -> tuple[str, ...]:
    return (str(step.number), step.side, step.sibling.hex(), step.gives.hex())


def _description(evidence: Evidence, size: int, anchor_words: str, witness_words: str) -> str:
    said = (
        _(
            "On its way up, the hash of the leaf is joined with %(n)s siblings (from below: %(sides)s). The root that "
            "comes out does not equal the one in the signed checkpoint of %(size)s entries. %(witness)s. %(anchor)s."
        )
        if evidence.problems
        else _(
            "On its way up, the hash of the leaf is joined with %(n)s siblings (from below: %(sides)s). The root that "
            "comes out equals the one in the signed checkpoint of %(size)s entries. %(witness)s. %(anchor)s."
        )
    )
    return said % {
        "n": len(evidence.steps), "size": size, "witness": witness_words, "anchor": anchor_words,
        "sides": ", ".join(_(step.side) for step in evidence.steps) or _("none: the leaf is the whole tree"),
    }  # fmt: skip


# --- the chain's lag -----------------------------------------------------------------------------------------------


def anchor_charts(anchors: Sequence[Anchor]) -> list[Chart]:
    """How long each of these final anchors took, and how many entries it brought, oldest first; none for fewer than 2.

    What a chain is behind at its worst is what stood between two anchors.
    """
    done = [(anchor, at) for anchor in anchors if (at := anchor.confirmed_at) is not None]
    if len(done) < 2:
        return []
    seconds = [(at, (at - anchor.checkpoint.created_at).total_seconds()) for anchor, at in done]
    pairs = zip(done, done[1:], strict=False)
    entries = [(at, float(later.checkpoint_id - earlier.checkpoint_id)) for (earlier, _), (later, at) in pairs]
    since = _("The last %(n)s anchors, the newest final on %(day)s UTC.") % {"n": len(done), "day": moment(done[-1][1])}
    took = _("The newest took %(n)s seconds.") % {"n": f"{seconds[-1][1]:.1f}"}
    brought = _("The newest brought %(n)s entries.") % {"n": f"{entries[-1][1]:.0f}"} if entries else ""
    charts = [
        line_chart([Series(_("Seconds"), seconds)], title="Seconds from the signature to a final anchor",
                   description=f"{since} {took}", x_label="Final at (UTC)",
                   y_label="Seconds", y_range=(0.0, 1.0), size="s", key="anchor-seconds"),
        line_chart([Series(_("Entries"), entries)], title="Entries that came with an anchor",
                   description=f"{since} {brought}", x_label="Final at (UTC)",
                   y_label="Entries", y_range=(0.0, 1.0), size="s", key="anchor-entries"),
    ]  # fmt: skip
    return charts if len(entries) > 1 else charts[:1]
