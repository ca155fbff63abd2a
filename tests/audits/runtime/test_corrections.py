import pytest
from django.utils import timezone

from accounts.models import Institution
from audits.runtime import history, monitoring
from audits.runtime.batches import batch_intact
from audits.runtime.history import marked
from audits.runtime.models import Batch, DeploymentCounter, MonitorState, Outcome, Rollup
from core.models import Outbox

pytestmark = pytest.mark.django_db
ACTIONS = ("prediction.request", "outcome.record", "deployment.view")


def rates_now(deployment) -> dict:
    """Rates by group over the day."""
    end = timezone.now() + history.HOUR
    return history.group_rates(deployment, history.Window("day", end - history.DAY, end))


@pytest.fixture
def caller(world, caller_class):
    return caller_class(world.people.north, world.people.administrator, ACTIONS)


@pytest.fixture
def told(deployment, caller, cases):
    """Two cases, told as ill at positions 1 and 2."""
    caller.post(deployment, "predictions", {"records": [cases("a"), cases("b", "male")]})
    caller.post(deployment, "outcomes", {"records": [{"event_key": "a", "label": 1}, {"event_key": "b", "label": 1}]})
    return deployment


def correct(caller, deployment, *rows: tuple[str, int, int], what: str = "outcomes"):
    records = [{"event_key": name, "label": label, "corrects": position} for name, label, position in rows]
    return caller.post(deployment, what, {"records": records})


def test_a_correction_is_a_new_row_that_names_the_old_one(told, caller):
    before = dict(Outcome.objects.get(position=1).values)
    answer = correct(caller, told, ("a", 0, 1))
    assert answer.status_code == 200, answer.content
    assert (answer.json()["corrections"], answer.json()["positions"]) == (1, {"first": 3, "last": 3})
    first, third = Outcome.objects.get(position=1), Outcome.objects.get(position=3)
    assert (first.values, first.corrects) == (before, None)
    assert (third.corrects, third.values, third.event_key) == (1, {}, first.event_key)
    assert third.stratum == 0
    assert "fpr" in third.correction
    assert "tpr" not in third.correction
    assert all(batch_intact(batch) for batch in Batch.objects.all())


def test_the_monitor_passes_a_correction_and_counts_the_case_once(told, caller):
    monitoring.fold_deployment(told.id)
    before = MonitorState.objects.get().state["fold"]
    correct(caller, told, ("a", 0, 1), ("b", 0, 2))
    monitoring.fold_deployment(told.id)
    after = MonitorState.objects.get()
    assert after.position == 4
    assert after.state["fold"]["streams"] == before["streams"]
    assert monitoring.replay(told).equal


def test_the_figures_follow_the_truth_as_it_is_known_now(told, caller):
    assert rates_now(told)["sex"]["female"]["tpr"].n == 1
    correct(caller, told, ("a", 0, 1))
    rates = rates_now(told)["sex"]["female"]
    assert (rates["tpr"].n, rates["fpr"].n, rates["accuracy"].n) == (0, 1, 1)
    correct(caller, told, ("a", 1, 3))  # and back again: a correction of the correction
    rates = rates_now(told)["sex"]["female"]
    assert (rates["tpr"].n, rates["fpr"].n, rates["accuracy"].n) == (1, 0, 1)
    assert rates_now(told)["sex"]["male"]["tpr"].n == 1
    assert marked(told) == {"after_halt": 0, "corrected": 2}
    assert all(row.n >= 0 for row in Rollup.objects.all())


def test_the_first_hour_of_the_case_is_mended_and_not_the_hour_of_the_correction(told, caller):
    from datetime import timedelta

    earlier = Rollup.objects.filter(metric="tpr").first().hour - timedelta(hours=5)
    # The roll-ups of an earlier hour, as if the outcome had been told then.
    with pytest.MonkeyPatch.context() as patch:
        from audits.runtime import corrections

        real = corrections.corrected_rows

        def aged(*args):
            return {place: type(row)(row.alias, row.values, earlier) for place, row in real(*args).items()}

        patch.setattr(corrections, "corrected_rows", aged)
        correct(caller, told, ("a", 0, 1))
    assert {row.hour for row in Rollup.objects.filter(metric="fpr", n=1)} == {earlier}


BAD = {
    "no such row": (("a", 0, 99), "no row of this case"),
    "another case's row": (("a", 0, 2), "no row of this case"),
}


@pytest.mark.parametrize("name", BAD)
def test_a_correction_names_a_row_of_its_own_case(told, caller, name):
    wrong, words = BAD[name]
    answer = correct(caller, told, wrong)
    assert answer.status_code == 422
    assert answer.json()["records"][0]["field"] == "corrects"
    assert words in answer.json()["message"]
    assert DeploymentCounter.objects.get().outcomes == 2


def test_a_row_is_corrected_once_and_the_newest_is_next(told, caller):
    correct(caller, told, ("a", 0, 1))
    again = correct(caller, told, ("a", 1, 1))
    assert again.status_code == 422
    assert "corrected already; correct the newest row" in again.json()["message"]
    partial = correct(caller, told, ("a", 1, 1), ("b", 0, 2), what="outcomes?partial=1").json()
    assert (partial["accepted"], partial["refused"], partial["records"][0]["field"]) == (1, 1, "corrects")


def test_firsts_and_corrections_come_in_one_batch(told, caller, cases):
    caller.post(told, "predictions", {"records": [cases("c")]})
    records = [{"event_key": "c", "label": 1}, {"event_key": "a", "label": 0, "corrects": 1}]
    answer = caller.post(told, "outcomes", {"records": records}).json()
    assert (answer["accepted"], answer["corrections"]) == (2, 1)
    assert list(Outcome.objects.order_by("position").values_list("corrects", flat=True)) == [None, None, None, 1]


def test_the_history_of_a_case_is_for_its_site_and_reading_it_is_recorded(world, told, caller, caller_class):
    from django.test import Client

    correct(caller, told, ("a", 0, 1))

    def history(of, name):
        return Client().get(
            f"/api/v1/deployments/{told.id}/outcomes/{name}", headers={"Authorization": f"Api-Key {of.secret}"}
        )

    rows = history(caller, "a").json()["results"]
    assert [(row["position"], row["corrects"], row["stratum"]) for row in rows] == [(1, None, 1), (3, 1, 0)]
    assert "fpr" in rows[1]["values"]
    assert Outbox.objects.filter(operation="READ", table="runtime_outcome").count() == 1
    south = caller_class(Institution.objects.get(slug="south"), world.people.administrator, ACTIONS)
    assert [history(south, "a").status_code, history(caller, "z").status_code] == [404, 404]
