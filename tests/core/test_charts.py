"""The charts: what they draw, what they say, and what they must never let through."""

from __future__ import annotations

import dataclasses
import datetime as dt
import itertools
import math
import re
from xml.etree import ElementTree

import pytest
import typst
from django.utils import translation
from hypothesis import given, settings
from hypothesis import strategies as st

from core.charts import Chart, Mark, Series, bar_chart, histogram, interval_chart, line_chart, sparkline
from core.charts.scales import Scale, tick_labels, ticks, time_ticks
from core.charts.svg import WIDTHS, number, text_width

NAN = float("nan")
EVIL = '"><script>alert(1)</script>&\x00\x1b'
FOREST = [
    ("Sex", 0.041, 0.012, 0.072, "pass"),
    ("Age", 0.083, 0.041, 0.124, "inconclusive"),
    ("Site", 0.162, 0.118, 0.207, "fail"),
    ("Unknown", None, None, None, "not assessable"),
]


def line(series, **more) -> Chart:
    return line_chart(series, title="AUROC", x_label="Round", y_label="AUROC", **more)


def forest(rows=FOREST, **more) -> Chart:
    return interval_chart(rows, threshold=0.1, title="Gaps", **more)


def bars(rows, **more) -> Chart:
    return bar_chart(rows, title="Budget", x_label="epsilon", **more)


def null(values, **more) -> Chart:
    return histogram(values, title="Null", x_label="MMD", **more)


def parsed(chart: Chart) -> ElementTree.Element:
    return ElementTree.fromstring(str(chart.svg))  # noqa: S314 (our own output)


def elements(chart: Chart, tag: str, role: str = "") -> list[ElementTree.Element]:
    found = [e for e in parsed(chart).iter() if e.tag == f"{{http://www.w3.org/2000/svg}}{tag}"]
    return [e for e in found if role in e.get("class", "").split()] if role else found


def words(chart: Chart) -> list[str]:
    return [e.text or "" for e in elements(chart, "text")]


ALL = {
    "line": lambda **k: line({"Berlin": [0.7, 0.8], "Wien": [0.6, 0.9]}, threshold=0.75, **k),
    "forest": forest,
    "bars": lambda **k: bars([("Wien", 0.6, "pass"), ("Berlin", 1.2, "fail")], threshold=1.0, **k),
    "null": lambda **k: null([0.1, 0.2, 0.2, 0.3], marker=0.35, tail="upper", **k),
    "spark": lambda **k: sparkline([1.0, 2.0, 3.0], title="Trend", threshold=2.0, **k),
}


@pytest.mark.parametrize("draw", ALL.values(), ids=ALL)
@pytest.mark.parametrize("palette", ["screen", "print"])
def test_a_chart_is_well_formed_and_named_for_assistive_technology(draw, palette):
    chart = draw(palette=palette)
    root = parsed(chart)
    title, desc = root[0], root[1]
    assert root.get("role") == "img"
    assert root.get("aria-labelledby") == f"{title.get('id')} {desc.get('id')}"
    assert title.text == chart.title
    assert desc.text == chart.description != ""
    assert all(len(row) == len(chart.table.headers) for row in chart.table.rows)


@pytest.mark.parametrize("draw", ALL.values(), ids=ALL)
def test_the_same_arguments_give_the_same_bytes_and_a_key_gives_other_ids(draw):
    assert draw() == draw()
    assert draw().svg != draw(key="second").svg
    assert re.sub(r"plot-\w{10}", "", draw().svg) == re.sub(r"plot-\w{10}", "", draw(key="second").svg)


@pytest.mark.parametrize("draw", ALL.values(), ids=ALL)
def test_a_screen_chart_carries_classes_and_neither_colours_nor_styles(draw):
    svg = draw().svg
    assert "style" not in svg
    assert "#" not in svg
    assert not re.search(r'(fill|stroke)="', svg)


@pytest.mark.parametrize("draw", ALL.values(), ids=ALL)
def test_a_print_chart_carries_its_own_colours_and_no_class(draw):
    svg = draw(palette="print").svg
    assert "class=" not in svg
    assert "var(" not in svg
    assert "{c}" not in svg
    for shape in elements(draw(palette="print"), "text"):
        assert shape.get("fill", "").startswith("#")
        assert shape.get("font-size")


@pytest.mark.parametrize("palette", ["screen", "print"])
def test_text_of_others_never_becomes_markup(palette):
    charts = [
        line_chart(
            {EVIL: [1.0, 2.0], "b": [1.0, 2.0]},
            **{"title": EVIL, "description": EVIL, "x_label": EVIL, "y_label": EVIL},
            threshold=1,
            threshold_label=EVIL,
            palette=palette,
        ),
        interval_chart([(EVIL, 0.1, 0.0, 0.2, "fail")], threshold=0.1, title=EVIL, x_label=EVIL, palette=palette),
        bar_chart([(EVIL, 1.0)], title=EVIL, x_label=EVIL, palette=palette),
        histogram([1.0, 2.0], title=EVIL, x_label=EVIL, marker=1, marker_label=EVIL, palette=palette),
        sparkline([1.0, 2.0], title=EVIL, palette=palette),
        line_chart({}, title=EVIL, description=EVIL, x_label=EVIL, y_label=EVIL, palette=palette),
    ]
    for chart in charts:
        assert "<script" not in chart.svg
        assert "\x00" not in chart.svg
        assert not [e for e in parsed(chart).iter() if "script" in e.tag]
        assert parsed(chart)[0].text == EVIL.replace("\x00", "").replace("\x1b", "")


@pytest.mark.parametrize(
    "chart",
    [
        line({}),
        line({"Berlin": []}),
        line({"Berlin": [None, NAN, math.inf]}),
        forest([]),
        bars([]),
        bars([("Wien", None)]),
        null([]),
        null([None, NAN]),
    ],
)
def test_without_any_value_a_chart_says_that_there_is_no_data_yet(chart):
    assert words(chart) == ["No data yet"]
    assert chart.description.startswith("No data yet")
    assert chart.table.rows == ()


def test_an_empty_sparkline_is_a_flat_rule_and_says_so():
    chart = sparkline([None], title="Trend")
    assert chart.description == "No data yet."
    assert not elements(chart, "path")


def test_one_point_is_drawn_as_a_mark():
    chart = line({"Berlin": [0.8]})
    assert len(elements(chart, "circle", "c-mark")) == 1
    assert "nan" not in chart.svg
    assert chart.table.rows == (("1", "0.8"),)


def test_a_value_that_was_not_measured_breaks_the_line_and_is_named_in_the_table():
    chart = line({"Berlin": [0.1, 0.2, NAN, 0.4, 0.5]})
    (path,) = elements(chart, "path", "c-line")
    assert path.get("d", "").count("M") == 2
    assert chart.table.rows[2] == ("3", "not measured")


def test_series_of_different_rounds_share_one_table():
    chart = line([("Berlin", [(1, 0.5), (2, 0.6)]), ("Wien", [(2, 0.7), (3, 0.8)])])
    assert chart.table.headers == ("Round", "Berlin", "Wien")
    assert chart.table.rows == (
        ("1", "0.5", "not measured"),
        ("2", "0.6", "0.7"),
        ("3", "not measured", "0.8"),
    )


def test_points_lie_where_their_values_say():
    chart = line({"Berlin": [0.0, 1.0]}, y_range=(0.0, 1.0))
    low, high = elements(chart, "circle", "c-mark")
    grid = [float(e.get("y1", "")) for e in elements(chart, "line", "c-grid")]
    assert float(low.get("cy", "")) == max(grid)
    assert float(high.get("cy", "")) == min(grid)
    assert float(low.get("cx", "")) < float(high.get("cx", ""))


def test_a_range_grows_to_hold_what_it_would_hide():
    marks = elements(line({"Berlin": [0.2, 1.6]}, y_range=(0.0, 1.0)), "circle", "c-mark")
    assert all(0 <= float(m.get("cy", "")) <= 313 for m in marks)


def test_series_differ_by_dash_and_marker_not_by_colour_alone():
    chart = line({str(i): [i, i + 1] for i in range(9)})
    looks = {(e.get("class"), e.get("stroke-dasharray")) for e in elements(chart, "path", "c-line")}
    assert len(looks) == 9
    assert len({e.get("stroke-dasharray") for e in elements(chart, "path", "c-line")}) == 6
    assert {"circle", "polygon"} <= {e.tag.rpartition("}")[2] for e in parsed(chart).iter()}


def test_names_of_lines_that_end_together_do_not_overlap():
    chart = line({f"Institution {i}": [0.5, 0.8] for i in range(8)})
    places = sorted(float(e.get("y", "")) for e in elements(chart, "text", "c-series-text"))
    assert all(b - a >= 14.9 for a, b in zip(places, places[1:], strict=False))
    assert places[-1] <= float(parsed(chart).get("height", ""))


NAMES = ["Universitätsklinikum Frankfurt am Main", "Quantum model", "Klassischer Zwilling"]


@pytest.mark.parametrize("size", ["s", "m"])
@pytest.mark.parametrize("palette", ["screen", "print"])
@pytest.mark.parametrize("count", [2, 7])
def test_names_too_long_for_the_ends_stand_whole_in_a_key_below(size, palette, count):
    names = [f"{name} {i}" for i, name in zip(range(count), itertools.cycle(NAMES), strict=False)]
    short, long = ({name: [0.5, 0.8] for name in some} for some in (["A", "B"], names))
    within, below = line(short, size=size, palette=palette), line(long, size=size, palette=palette)
    drawn = [e for e in elements(below, "text") if (e.text or "") in names]
    assert [e.text for e in drawn] == names, "in the order of the lines"
    plot, height = (float(parsed(chart).get("height", "")) for chart in (within, below))
    assert all(plot < float(e.get("y", "")) < height for e in drawn)
    taken = [(float(e.get("y", "")), float(e.get("x", "")), text_width([e.text or ""], bold=True)) for e in drawn]
    assert all(x + width <= WIDTHS[size] for _, x, width in taken)
    assert all(y < b or x + width < a for (y, x, width), (b, a, _) in itertools.pairwise(taken)), "none over another"


def test_each_name_of_a_key_has_the_look_of_its_line():
    chart = line({f"A long name of a hospital, number {i}": [i, i + 1] for i in range(3)}, size="s")
    looks = [(e.get("class"), e.get("stroke-dasharray")) for e in elements(chart, "path", "c-line")]
    assert looks[:3] == looks[3:] and len(set(looks)) == 3
    assert len(elements(chart, "polygon", "s2")) == 3, "two points and the key"


@pytest.mark.parametrize("size", ["s", "m"])
@pytest.mark.parametrize(
    "label", [*NAMES, "Falsch-Negativ-Rate nach Altersgruppe und Geschlecht, alle Standorte", "x" * 90]
)
def test_labels_of_rows_are_whole_and_within_their_row(label, size):
    for chart in (
        interval_chart(
            [(label, 0.1, 0.0, 0.2, "pass"), ("B", 0.1, 0.0, 0.2, "plain")], threshold=0.1, title="", size=size
        ),
        bars([(label, 0.6), ("B", 0.2)], size=size),
    ):
        said = [e for e in elements(chart, "text", "c-label") if e.get("x") == "8"]
        *parts, other = said
        assert "".join(e.text or "" for e in parts).replace(" ", "") == label.replace(" ", "")
        lines = [float(e.get("y", "")) for e in said]
        assert all(b - a >= 12.9 for a, b in itertools.pairwise(lines))


@pytest.mark.parametrize("size", ["s", "m"])
def test_outcome_and_figures_of_a_row_are_within_the_drawing(size):
    chart = forest([("Age", 0.083, 0.041, 0.124, "inconclusive"), ("Sex", -0.083, -0.141, 0.124, "pass")], size=size)
    for e in elements(chart, "text"):
        bold = "c-label" not in e.get("class", "")
        if e.get("text-anchor") == "start":
            assert float(e.get("x", "")) + text_width([e.text or ""], bold=bold) <= WIDTHS[size], e.text


def test_moments_are_an_axis_in_utc():
    start = dt.datetime(2026, 3, 1, 22, 0, tzinfo=dt.timezone(dt.timedelta(hours=2)))
    chart = line([("Wealth", [(start + dt.timedelta(hours=i), float(i)) for i in range(48)])])
    hours = ["06:00", "12:00", "18:00"]
    assert [w for w in words(chart) if ":" in w or "Mar" in w] == ["2 Mar", *hours, "3 Mar", *hours]
    assert chart.table.rows[0] == ("2026-03-01 22:00", "0")


def test_an_x_that_is_no_place_is_refused():
    with pytest.raises(ValueError, match="finite number or a moment"):
        line([("Berlin", [(NAN, 1.0)])])


def test_a_band_is_a_closed_shape_around_its_line():
    chart = line([Series("Dice", [1.0, 2.0], band=[(1, 0.5, 1.5), (2, 1.5, 2.5), (3, None, 2.0)])])
    (band,) = elements(chart, "path", "c-band")
    assert band.get("d", "").endswith("Z")
    assert band.get("d", "").count("L") == 3


def test_every_gap_has_its_outcome_in_words_and_in_a_shape():
    chart = forest()
    assert {"Pass", "Inconclusive", "Fail", "Not assessable"} <= set(words(chart))
    assert "0.083 (0.041 to 0.124)" in words(chart)
    assert len(elements(chart, "circle", "t-pass")) == 1
    assert len(elements(chart, "polygon", "t-warn")) == 1
    assert len(elements(chart, "rect", "t-fail")) == 1
    assert not [e for e in parsed(chart).iter() if "t-muted" in e.get("class", "") and "c-mark" in e.get("class", "")]
    assert chart.table.rows[3] == ("Unknown", "not measured", "not measured", "not measured", "Not assessable")


def test_the_limit_stands_between_the_bounds_that_cross_it():
    chart = forest()
    limit = float(elements(chart, "line", "c-threshold")[0].get("x1", ""))
    passed, undecided, failed = (re.match(r"M([\d.]+) [\d.]+H([\d.]+)", e.get("d", "")) for e in whiskers(chart))
    assert float(passed[2]) < limit
    assert float(undecided[1]) < limit < float(undecided[2])
    assert float(failed[1]) > limit


def whiskers(chart: Chart) -> list[ElementTree.Element]:
    return elements(chart, "path", "c-whisker")


def test_a_value_without_interval_says_so():
    chart = forest([("Sex", 0.05, None, NAN, "inconclusive")])
    assert "0.050 (no interval)" in words(chart)
    assert not whiskers(chart)


def test_a_plain_tone_prints_no_word_and_an_unknown_one_is_refused():
    assert "Warn" not in words(forest([("Sex", 0.05, 0.0, 0.1, "warn")]))
    with pytest.raises(ValueError, match="expected a state or a tone"):
        forest([("Sex", 0.05, 0.0, 0.1, "greenish")])


def test_bounds_in_the_wrong_order_are_refused():
    with pytest.raises(ValueError, match="expected lower <= upper"):
        forest([("Sex", 0.05, 0.2, 0.1, "pass")])


def test_the_side_that_is_allowed_can_be_chosen():
    below = float(elements(forest(), "rect", "c-allowed")[0].get("x", ""))
    above = float(elements(forest(allowed="above"), "rect", "c-allowed")[0].get("x", ""))
    assert below < above
    assert not elements(forest(allowed=""), "rect", "c-allowed")
    with pytest.raises(ValueError, match="allowed="):
        forest(allowed="left")


def test_bars_start_at_zero_and_measure_their_values():
    chart = bars([("a", 1.0), ("b", 2.0), ("c", -1.0), ("d", None)])
    a, b, c = elements(chart, "rect", "c-bar")
    zero = float(a.get("x", ""))
    assert float(b.get("width", "")) == pytest.approx(2 * float(a.get("width", "")), abs=0.2)
    assert float(c.get("x", "")) + float(c.get("width", "")) == pytest.approx(zero, abs=0.2)
    assert "not measured" in words(chart)


def test_bars_of_nothing_but_zeros_are_drawn():
    assert len(elements(bars([("a", 0.0), ("b", 0.0)]), "rect", "c-bar")) == 2


def test_a_histogram_counts_every_value_once_and_shades_the_tail():
    chart = null([1, 1, 2, 3, 4, 4, 4, 5, None], bins=4, marker=4.0, tail="upper")
    assert [row[1] for row in chart.table.rows] == ["2", "1", "1", "4"]
    assert len(elements(chart, "rect", "c-tail")) == 1
    assert "1 were not measured" in chart.description
    assert "4 values are at or above it" in chart.description


def test_a_histogram_of_equal_values_has_one_bar():
    chart = null([2.0, 2.0, 2.0])
    assert [row[1] for row in chart.table.rows] == ["3"]


def test_an_observed_value_far_outside_stays_on_the_drawing():
    chart = null([0.0, 1.0], marker=50.0)
    place = float(elements(chart, "line", "c-observed")[0].get("x1", ""))
    assert 0 < place < 680


@pytest.mark.parametrize("more", [{"tail": "both"}, {"bins": 0}])
def test_a_histogram_refuses_what_it_does_not_know(more):
    with pytest.raises(ValueError, match="expected"):
        null([1.0], **more)


def test_an_unknown_palette_is_refused():
    with pytest.raises(ValueError, match="palette"):
        line({"a": [1.0]}, palette="neon")


def test_print_charts_stand_in_an_accessible_pdf(tmp_path):
    source = ["#set document(title: [Charts], date: datetime(year: 2026, month: 3, day: 1))", "= Charts"]
    for name, draw in ALL.items():
        (tmp_path / f"{name}.svg").write_text(draw(palette="print").svg)
        source.append(f'#image("{name}.svg", width: 90%, alt: "{draw().description}")')
    (tmp_path / "charts.typ").write_text("\n".join(source))
    pdf = typst.compile(str(tmp_path / "charts.typ"), pdf_standards=["a-3a", "ua-1"])
    assert pdf.startswith(b"%PDF")
    assert len(pdf) > 10_000


def test_a_chart_cannot_be_changed():
    with pytest.raises(dataclasses.FrozenInstanceError):
        line({"a": [1.0]}).title = "other"


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.0, "0"), (-0.0, "0"), (12, "12"), (0.08349, "0.08349"), (1234567.8, "1,234,568"), (-0.5, "\u22120.5"),
        (0.0000123, "1.23e\u221205"), (None, "not measured"), (NAN, "not measured"), (True, "not measured"),
    ],
)  # fmt: skip
def test_numbers_read_as_people_write_them(value, text):
    assert number(value) == text


def test_ticks_are_round():
    assert ticks(0.0, 1.0) == (0.0, 0.2, 0.4, 0.6, 0.8, 1.0)
    assert ticks(1, 4, count=10, whole=True) == (1.0, 2.0, 3.0, 4.0)
    assert tick_labels((0.0, 0.25, 0.5)) == ("0.00", "0.25", "0.50")
    assert tick_labels((-1.0, 0.0)) == ("\u22121", "0")


def test_time_ticks_fall_on_round_moments():
    day = 86_400.0
    places, labels = time_ticks(1000 * day, 1000.5 * day, count=6)
    assert places[0] == 1000 * day
    assert labels[:2] == ("27 Sep", "02:00")
    assert time_ticks(0, 3000 * day)[1][0] == "Jan 1970"


@given(st.floats(-1e12, 1e12), st.floats(1e-9, 1e9))
def test_ticks_stay_inside_and_in_order(low, width):
    high = low + width
    if not high > low or width < abs(low) * 1e-9:
        return
    places = ticks(low, high)
    assert list(places) == sorted(places)
    assert len(places) <= 12
    assert all(low - width * 1e-3 <= p <= high + width * 1e-3 for p in places)
    assert len(tick_labels(places)) == len(places)


def test_a_scale_maps_its_ends():
    scale = Scale(0, 10, 100, 0)
    assert (scale(0), scale(5), scale(10)) == (100, 50, 0)


measured = st.one_of(st.none(), st.floats(allow_nan=True, allow_infinity=True, width=32))


@settings(max_examples=60, deadline=None)
@given(st.dictionaries(st.text(max_size=12), st.lists(measured, max_size=12), max_size=4), st.booleans())
def test_any_values_give_a_well_formed_drawing_without_a_stray_number(series, printed):
    chart = line(series, palette="print" if printed else "screen")
    parsed(chart)
    for attribute in re.findall(r' (?:[cxyr]\w?|d|points|width|height)="([^"]*)"', chart.svg):
        assert "nan" not in attribute
        assert "inf" not in attribute


@settings(max_examples=60, deadline=None)
@given(st.lists(measured, max_size=30), measured)
def test_any_null_distribution_is_counted_whole(values, marker):
    chart = null(values, marker=marker)
    parsed(chart)
    kept = [v for v in values if v is not None and math.isfinite(v)]
    assert sum(int(row[1].replace(",", "")) for row in chart.table.rows) == len(kept)


def test_what_happened_is_marked_by_line_and_words_within_reach_and_told():
    chart = line_chart(
        {"Wealth": [0.1, 0.2, 0.3]}, title="T", x_label="x", y_label="y",
        marks=[Mark(2, "Amber", "warn"), Mark(6, "Halt", "halt")],
    )  # fmt: skip
    assert chart.svg.count('class="c-event t-warn"') == chart.svg.count('class="c-event t-halt"') == 1
    assert ">Amber</text>" in chart.svg and ">Halt</text>" in chart.svg
    assert chart.description.endswith("Amber at 2. Halt at 6.")
    assert all(0 <= float(x) <= 680 for x in re.findall(r'c-event [^>]* x1="([\d.]+)"', chart.svg))


def test_words_of_marks_that_stand_close_are_left_to_the_description():
    marks = [Mark(50 + i, f"Halt {i}", "halt") for i in range(5)]
    chart = line_chart({"Wealth": [0.1] * 100}, title="T", x_label="x", y_label="y", marks=marks)
    assert chart.svg.count("c-event") == 5 and chart.svg.count("c-tone-text") < 5
    assert all(f"Halt {i} at {50 + i}." in chart.description for i in range(5))


def test_a_measured_point_alone_in_a_long_line_is_seen():
    values = [None if i in (10, 12) else 0.5 for i in range(60)]
    chart = line_chart({"Rate": values}, title="T", x_label="x", y_label="y")
    assert chart.svg.count("<circle") == 2  # the lonely one, and the last


def test_a_chart_speaks_the_readers_language_on_the_screen_and_english_in_print():
    drawn = {"title": "Privacy spent (ε) by site", "x_label": "Round", "y_label": "ε", "threshold": 2.0}
    with translation.override("de"):
        screen = line_chart({"North": [(1, 0.5), (2, None)]}, **drawn)
        paper = line_chart({"North": [(1, 0.5), (2, None)]}, **drawn, palette="print")
        empty = bar_chart([], title="Privacy spent (ε) by site", x_label="Round")
    assert screen.title == "Verbrauchte Privatsphäre (ε) nach Standort" and screen.table.headers == ("Runde", "North")
    assert screen.description == "North: 0.5 bei 1. Grenze: 2." and screen.table.rows[1] == ("2", "nicht gemessen")
    assert ">Runde</text>" in screen.svg and ">North</text>" not in screen.svg  # one line needs no name
    assert paper.title == "Privacy spent (ε) by site" and paper.description == "North: 0.5 at 1. The limit is 2."
    assert empty.description.startswith("Noch keine Daten.")
