"""A deployment's past on its page: windows, sites, groups, and what a reader may ask in vain."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from audits.runtime import amber, dashboard, history, monitoring
from audits.runtime.halting import halt_create
from audits.runtime.history import DAY, HOUR, Window
from audits.runtime.models import AmberDecision, DailyRollup, Rollup
from audits.runtime.rollups import AFTER_HALT, CORRECTED, SERVED, TOLD, rollups_add

pytestmark = pytest.mark.django_db
NOW = datetime(2026, 11, 28, 10, 20, tzinfo=UTC)


def add(deployment, at, *, site="north", served=0, told=(), sex="female"):
    """`served` predictions, and outcomes with these true positives."""
    if served:
        values = [({"sex": sex}, {SERVED: 1.0})] * served
        rollups_add(deployment_id=deployment.id, at=at, site=site, values=values)
    if told:
        values = [({"sex": sex}, {"tpr": v, TOLD: 1.0}) for v in told]
        rollups_add(deployment_id=deployment.id, at=at, site=site, values=values)


def window(deployment, **query) -> Window:
    return dashboard.choose(deployment, query, NOW).window


def words(answer) -> str:
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", answer.content.decode()))


def test_hours_and_days_hold_the_same_sums_and_every_outcome_is_counted_once(deployment):
    for hour in (0, 5, 5, 23):
        add(deployment, NOW.replace(hour=hour), served=2, told=(1.0, 0.0, 1.0))
    add(deployment, NOW + DAY, served=1)

    def sums(model):
        return {metric: sum(row.n for row in model.objects.filter(metric=metric)) for metric in (SERVED, "told", "tpr")}

    assert sums(Rollup) == sums(DailyRollup) == {SERVED: 9, "told": 12, "tpr": 12}
    assert set(DailyRollup.objects.values_list("hour", flat=True)) == {
        datetime(2026, 11, 28, tzinfo=UTC), datetime(2026, 11, 29, tzinfo=UTC)
    }  # fmt: skip


@pytest.mark.parametrize(
    ("query", "key", "since", "until", "bucket"),
    [
        ({}, "week", datetime(2026, 11, 21, 11, tzinfo=UTC), datetime(2026, 11, 28, 11, tzinfo=UTC), HOUR),
        ({"range": "day"}, "day", datetime(2026, 11, 27, 11, tzinfo=UTC), datetime(2026, 11, 28, 11, tzinfo=UTC), HOUR),
        ({"range": "month"}, "month", datetime(2026, 10, 29, tzinfo=UTC), datetime(2026, 11, 28, 11, tzinfo=UTC), DAY),
        ({"range": "all"}, "all", datetime(2024, 3, 1, tzinfo=UTC), datetime(2026, 11, 28, 11, tzinfo=UTC), 7 * DAY),
        (
            {"since": "2026-11-01", "until": "2026-11-03"},
            "days", datetime(2026, 11, 1, tzinfo=UTC), datetime(2026, 11, 4, tzinfo=UTC), HOUR,
        ),
        (
            {"since": "2026-01-01", "range": "day"},
            "days", datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 11, 28, 11, tzinfo=UTC), 7 * DAY,
        ),
        (
            {"until": "2024-03-02"},
            "days", datetime(2024, 3, 1, tzinfo=UTC), datetime(2024, 3, 3, tzinfo=UTC), HOUR,
        ),
        *[
            (wrong, "week", datetime(2026, 11, 21, 11, tzinfo=UTC), datetime(2026, 11, 28, 11, tzinfo=UTC), HOUR)
            for wrong in ({"range": "aeon"}, {"since": "2026-11-03", "until": "2026-11-01"}, {"since": "soon"})
        ],
    ],
)  # fmt: skip
def test_a_window_is_what_was_asked_for_or_the_last_week(deployment, query, key, since, until, bucket):
    add(deployment, datetime(2024, 3, 1, 15, tzinfo=UTC), served=1)
    found = window(deployment, **query)
    assert (found.key, found.since, found.until, found.bucket) == (key, since, until, bucket)
    assert len(found.buckets(found.bucket)) <= history.MOST_POINTS + 1
    assert len(found.buckets(found.coarse)) <= history.MOST_RATES + 1


@pytest.mark.parametrize("key", ["day", "week", "month", "all"])
def test_traffic_and_rates_count_what_lies_in_the_window_and_at_the_site(deployment, key):
    add(deployment, NOW - timedelta(hours=2), served=3, told=(1.0, 1.0, 0.0, 1.0))
    add(deployment, NOW - timedelta(hours=2), site="south", served=5, told=(0.0,), sex="male")
    add(deployment, NOW - timedelta(days=400), served=7, told=(0.0,) * 9)
    everywhere, north = window(deployment, range=key), window(deployment, range=key, site="north")
    assert sum(t.predictions for t in history.traffic(deployment, everywhere)) == (15 if key == "all" else 8)
    assert sum(t.outcomes for t in history.traffic(deployment, north)) == (13 if key == "all" else 4)
    lines = history.rates_over_time(deployment, north, metric="tpr", attribute="sex")
    assert set(lines) == {"female"}
    (last,) = [rate for _, rate in lines["female"] if rate.n == 4]
    assert last.mean == 0.75 and last.lower < 0.75 < last.upper  # Wilson, 3 of 4
    assert (last.lower, last.upper) == pytest.approx((0.3006, 0.9544), abs=1e-4)
    rates = history.group_rates(deployment, everywhere)["sex"]
    assert rates["female"]["tpr"].n == (13 if key == "all" else 4) and rates["male"]["tpr"].mean == 0.0
    assert "told" not in rates["female"]


def test_a_bucket_without_a_case_is_no_prediction_and_no_rate(deployment):
    add(deployment, NOW, served=1, told=(1.0,))
    day = window(deployment, range="day")
    assert [t.predictions for t in history.traffic(deployment, day)] == [0] * 23 + [1]
    points = history.rates_over_time(deployment, day, metric="tpr", attribute="sex")["female"]
    assert [rate.mean for _, rate in points] == [None] * 23 + [1.0]


def test_the_present_rate_of_outcomes_is_that_of_the_last_day(deployment):
    assert history.outcomes_an_hour(deployment, NOW) is None
    add(deployment, NOW - timedelta(hours=3, minutes=20), told=(1.0,) * 10)  # since 7 o'clock: 3 h 20 min
    assert history.outcomes_an_hour(deployment, NOW) == pytest.approx(3.0)
    add(deployment, NOW - timedelta(days=3), told=(1.0,) * 1000)
    assert history.outcomes_an_hour(deployment, NOW) == pytest.approx(3.0)


def test_halts_and_reinstatements_within_the_window_are_marked(deployment):
    halt = halt_create(deployment_id=deployment.id, reason="The gap is over 0.1.", position=3)
    now = timezone.now()
    week = dashboard.choose(deployment, {}, now).window
    assert [m.words for m in dashboard.marks_of(deployment, week)] == ["Halted"]
    halt.closed_at = now
    halt.save(update_fields=["closed_at"])
    assert [m.words for m in dashboard.marks_of(deployment, week)] == ["Halted", "Reinstated"]
    early = Window("days", now - 9 * DAY, now - 8 * DAY)
    assert dashboard.marks_of(deployment, early) == []


def test_a_halt_of_one_site_is_marked_on_the_lines_of_that_site_and_of_all(deployment):
    halt_create(deployment_id=deployment.id, reason="The gap is over 0.1.", position=3, site="north")
    now = timezone.now()
    found = {
        site: [
            m.words for m in dashboard.marks_of(deployment, dashboard.choose(deployment, {"site": site}, now).window)
        ]
        for site in ("", "north", "south")
    }
    assert found == {"": ["Halted at north"], "north": ["Halted at north"], "south": []}


def test_a_warning_is_marked_when_it_came_and_when_an_officer_answered_it(deployment, world):
    now = timezone.now()
    asked = AmberDecision.objects.create(
        deployment=deployment, warnings={"window:tpr:sex:female:male": "A gap."}, position=120,
        created_at=now - 2 * DAY, due_at=now + DAY,
    )  # fmt: skip
    week = dashboard.choose(deployment, {}, now).window
    assert [(m.words, m.tone) for m in dashboard.marks_of(deployment, week)] == [("Amber", "warn")]
    amber.decision_make(
        deployment=deployment, decision="continue", reason="The scanner is watched.", review_on=(now + 9 * DAY).date(),
        actor=world.people.officer_north,
    )  # fmt: skip
    assert [m.words for m in dashboard.marks_of(deployment, week)] == ["Amber", "Decided: continue"]
    assert [m.at for m in dashboard.marks_of(deployment, week)][0] == asked.created_at
    add(deployment, now - DAY, served=4)
    drawn = dashboard.traffic_chart(deployment, week, dashboard.marks_of(deployment, week)).svg
    assert "Amber" in drawn and "Decided: continue" in drawn


def test_what_was_made_while_halted_and_what_was_corrected_is_said_in_words(deployment, client_of, world):
    at = timezone.now()
    add(deployment, at, served=4, told=(1.0,))
    for metric, times in ((AFTER_HALT, 3), (CORRECTED, 1)):
        rollups_add(
            deployment_id=deployment.id, at=at, site="north", values=[({"sex": "female"}, {metric: 1.0})] * times
        )
    shown = words(client_of(world.people.officer_north).get(reverse("deployment", args=[deployment.id])))
    assert "3 predictions in this window were made elsewhere while the deployment was halted." in shown
    assert "1 outcome was corrected." in shown
    assert "Predictions made elsewhere while it was halted: 3. Outcomes corrected so far: 1;" in shown
    other = words(
        client_of(world.people.officer_north).get(reverse("deployment", args=[deployment.id]) + "?site=south")
    )
    assert "in this window were made elsewhere" not in other


def page(client, deployment, query=""):
    return client.get(reverse("deployment", args=[deployment.id]) + query)


def test_the_page_has_links_for_ranges_steps_and_a_form_that_keeps_what_was_chosen(world, deployment, client_of):
    add(deployment, timezone.now(), served=4, told=(1.0, 0.0))
    answer = page(client_of(world.people.auditor), deployment, "?range=month&site=north&metric=fpr")
    html = answer.content.decode()
    assert 'href="?site=north&amp;metric=fpr&amp;attribute=sex&amp;range=day#history"' in html
    assert re.search(r'aria-current="page">Month', html)
    assert re.search(r'<option value="north" selected', html) and re.search(r'<option value="fpr" selected', html)
    assert "Earlier" in html and "site north" in words(answer)
    fragment = re.search(r'hx-get="([^"]+)"', html).group(1).replace("&amp;", "&")
    assert "site=north" in fragment and "range=month" in fragment and "metric=fpr" in fragment
    part = client_of(world.people.auditor).get(fragment).content.decode()
    assert "site north" in part and 'id="live-history" hx-swap-oob' in part


def test_what_cannot_be_read_is_said_and_the_last_week_is_shown(world, deployment, client_of):
    add(deployment, timezone.now(), served=4)
    answer = page(
        client_of(world.people.auditor), deployment, "?since=yesterday&until=2999-01-01&site=moon&attribute=shoe"
    )
    said = words(answer)
    assert answer.status_code == 200
    for expected in (
        "Expected a date such as",
        "to this year; got 2999-01-01",
        "Expected one of north, south; got moon",
    ):
        assert expected in said, expected
    assert "4 predictions and 0 outcomes in this window" in answer.content.decode()
    odd = "?since=2026-11-01&since=x&range=%00&page=-1&metric=" + "m" * 3000
    assert page(client_of(world.people.auditor), deployment, odd).status_code == 200


def test_a_window_without_anything_says_what_to_do(world, deployment, client_of, north, cases):
    north.post(deployment, "predictions", {"records": [cases("a")]})
    said = words(page(client_of(world.people.auditor), deployment, "?since=2020-01-01&until=2020-01-02"))
    assert "Nothing in this window" in said and "No data yet" in said


def test_the_time_to_decision_is_shown_or_said_not_to_be_estimable(world, deployment, client_of, tell, stream):
    client = client_of(world.people.auditor)
    tell(deployment, stream(400, {"female": 0.8, "male": 0.8}))
    monitoring.fold_deployment(deployment.id)
    assert "not estimable" in words(page(client, deployment))
    tell(deployment, stream(500, {"female": 0.6, "male": 0.9}))
    monitoring.fold_deployment(deployment.id)
    add(deployment, timezone.now(), told=(1.0,))
    said = words(page(client, deployment))
    assert re.search(r"about [\d,]+ (hour|day|minute|year)s", said)
    assert re.search(r"about [\d,]+ more outcomes \([\d,]+ to [\d,]+\)", said)


def test_the_page_reads_sums_and_never_the_rows(world, deployment, client_of, tell, stream):
    tell(deployment, stream(300, {"female": 0.8, "male": 0.8}))
    monitoring.fold_deployment(deployment.id)
    client = client_of(world.people.auditor)
    for query in ("", "?range=all", "?range=month&site=north"):
        with CaptureQueriesContext(connection) as asked:
            page(client, deployment, query)
        tables = " ".join(row["sql"] for row in asked.captured_queries)
        assert "runtime_prediction" not in tables and "runtime_outcome" not in tables
        assert len(asked) <= 38
        hourly = [row["sql"] for row in asked.captured_queries if '"audits_runtime_rollup"' in row["sql"]]
        assert all('"audits_runtime_rollup"."hour" >' in sql for sql in hourly)  # a week at most, by the index


YEAR = """
    INSERT INTO audits_runtime_rollup (deployment_id, hour, site, attributes, metric, n, total, total_sq)
    SELECT %s, h, s, jsonb_build_object('sex', x), m, 100, 60, 50
    FROM generate_series(date_trunc('hour', now()) - interval '2500 hours', now(), interval '1 hour') h,
    unnest(ARRAY['north', 'south']) s, unnest(ARRAY['female', 'male']) x,
    unnest(ARRAY['selection_rate', 'told', 'tpr', 'fpr', 'accuracy']) m
"""
DAILY = """
    INSERT INTO audits_runtime_dailyrollup (deployment_id, hour, site, attributes, metric, n, total, total_sq)
    SELECT deployment_id, date_trunc('day', hour, 'UTC'), site, attributes, metric, sum(n), sum(total), sum(total_sq)
    FROM audits_runtime_rollup GROUP BY 1, 2, 3, 4, 5
"""


@pytest.mark.parametrize("key", ["day", "week", "month", "all"])
def test_of_fifty_thousand_sums_a_page_reads_few_by_the_index(deployment, key):
    """Five million events: what is scanned is counted, not timed, so that a busy machine does not decide."""
    with connection.cursor() as cursor:
        cursor.execute(YEAR, [deployment.id])
        cursor.execute(DAILY)
        choice = window(deployment, range=key)
        choice = Window(key, timezone.now() - (choice.until - choice.since), timezone.now())
        plan = history._within(deployment, choice).explain(analyze=True)
    scanned = int(re.search(r"actual time=\S+ rows=(\d+)", plan).group(1))
    assert "Seq Scan" not in plan and "rollup_once" in plan
    assert scanned <= {"day": 500, "week": 3400, "month": 620, "all": 2200}[key]
