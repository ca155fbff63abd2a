import gzip
import io
import json
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from django.db import connection
from django.test import Client
from django.utils import timezone

from accounts.models import ApiKey, Institution
from audits.runtime import halting
from audits.runtime.batches import batch_intact, batch_rows, cell, leaf, uncell
from audits.runtime.entering import AT_ONCE
from audits.runtime.models import Batch, DeploymentCounter, EventKey, Halt, Outcome, Prediction, Rollup
from core.models import IdempotencyKey, Outbox
from models_registry.models import Deployment
from provenance.domain.canonical import canonical

pytestmark = pytest.mark.django_db
AT = "2026-03-01T08:30:00.250001+01:00"


def event(name: str, sex: str = "female", **changes) -> dict:
    record = {"event_key": name, "patient": f"mrn-{name}", "at": AT, "attributes": {"sex": sex}, "score": 0.75}
    record |= changes
    return {key: value for key, value in record.items() if value is not None}


@pytest.fixture
def elsewhere(world, caller_class):
    """A hospital's system whose model does not run here."""
    actions = ("event.record", "outcome.record", "prediction.request", "deployment.view")
    return caller_class(world.people.north, world.people.administrator, actions)


def send(caller, deployment, data: bytes, what: str = "events", *, kind: str = "application/json", **headers):
    return Client(raise_request_exception=False).post(
        f"/api/v1/deployments/{deployment.id}/{what}", data, content_type=kind,
        headers={"Authorization": f"Api-Key {caller.secret}", **headers},
    )  # fmt: skip


def lines(*records: dict) -> bytes:
    return b"".join(json.dumps(record).encode() + b"\n" for record in records)


# --- what is stored ------------------------------------------------------------------------------------------------


def test_events_are_stored_with_the_callers_time_under_pseudonyms_and_one_provable_batch(deployment, elsewhere, alias):
    rows = [event("a"), event("b", "male", score=None, label=1), event("c", score=0.2, label=1, patient=7)]
    answer = elsewhere.post(deployment, "events", {"records": rows})
    assert answer.status_code == 200, answer.content
    told = answer.json()
    assert (told["accepted"], told["after_halt"], told["warnings"]) == (3, 0, [])
    a, b, c = Prediction.objects.order_by("batch_index")
    assert a.made_at == datetime(2026, 3, 1, 7, 30, 0, 250001, tzinfo=UTC)
    assert (a.score, a.flagged, b.score, b.flagged, c.score, c.flagged) == (0.75, True, None, True, 0.2, True)
    assert (a.event_key, b.attributes, a.site) == (alias(deployment, "a"), {"sex": "male"}, "north")
    assert "mrn" not in json.dumps([a.subject, a.event_key, a.attributes])
    batch = Batch.objects.get(id=told["batch"])
    assert batch_intact(batch)
    assert Outbox.objects.get(table="audits_runtime_batch").body["root"] == batch.root


def test_the_written_out_leaf_is_the_canonical_one(deployment, elsewhere):
    """Names, groups, warnings and numbers of every shape give the bytes that a reader of the row computes."""
    halting.halt_create(deployment_id=deployment.id, reason="The gap is over 0.1.", position=0)
    now = timezone.now().isoformat()
    rows = [
        event("a", score=1e-9), event("b", score=1), event("c", "purple", score=0.1 + 0.2), event("d", at=now),
        event("e", attributes={}, score=None, label=0),
    ]  # fmt: skip
    assert elsewhere.post(deployment, "events", {"records": rows}).status_code == 200
    assert batch_intact(Batch.objects.get())
    kinds = {leaf(row)["kind"] for row in batch_rows(Batch.objects.get())}
    assert kinds == {"event"}
    assert canonical(leaf(batch_rows(Batch.objects.get())[2])).startswith(b'{"after_halt":false,"at":"')


def test_counter_rollups_and_keys_follow_the_events(deployment, elsewhere):
    records = [event("a"), event("b", "male", score=0.1), event("c", score=0.5)]
    elsewhere.post(deployment, "events", {"records": records})
    assert DeploymentCounter.objects.get(deployment=deployment).predictions == 3
    assert EventKey.objects.filter(kind="prediction").count() == 3
    found = {row.attributes["sex"]: (row.n, row.total) for row in Rollup.objects.filter(metric="selection_rate")}
    assert found == {"female": (2, 2.0), "male": (1, 0.0)}


def test_outcomes_join_to_events_and_the_monitor_folds_them(deployment, elsewhere):
    from audits.runtime import monitoring

    elsewhere.post(deployment, "events", {"records": [event("a"), event("b", "male", score=0.1)]})
    records = [{"event_key": "a", "label": 1}, {"event_key": "b", "label": 1}]
    answer = elsewhere.post(deployment, "outcomes", {"records": records})
    assert answer.json()["positions"] == {"first": 1, "last": 2}
    assert [row.values["tpr"] for row in Outcome.objects.order_by("position")] == [1.0, 0.0]
    monitoring.fold_deployment(deployment.id)
    assert monitoring.replay(deployment).equal


def test_one_name_is_one_case_whoever_predicted_it(deployment, elsewhere, cases):
    elsewhere.post(deployment, "predictions", {"records": [cases("a")]})
    answer = elsewhere.post(deployment, "events", {"records": [event("b"), event("a")]})
    assert answer.status_code == 422
    assert answer.json()["records"] == [
        {"record": 1, "event_key": "a", "field": "event_key",
         "message": "'a' has a prediction already; give each case a name of its own"}
    ]  # fmt: skip
    assert Prediction.objects.count() == 1


def test_a_segmented_event_brings_its_mask_and_is_scored_against_it(caller_class):
    from tests.factories.federation import make_federation
    from tests.factories.people import make_people
    from tests.factories.registry import make_deployment

    world = make_federation(make_people(), task="segmentation")
    deployment = make_deployment(world)
    caller = caller_class(world.people.north, world.people.administrator, ("event.record", "outcome.record"))
    bits = np.zeros((1, 4, 4), dtype=bool)
    bits[0, :2] = True
    import base64

    data = base64.b64encode(np.packbits(bits).tobytes()).decode()
    mask = {"shape": [1, 4, 4], "data": data}
    bad = [event("x", attributes={}), event("y", attributes={}, mask={**mask, "data": "AA=="}),
           event("z", attributes={}, mask={"shape": [0, 4, 4], "data": ""}),
           event("w", attributes={}, mask={"shape": [10**9, 10**9, 10**9], "data": ""})]  # fmt: skip
    answer = caller.post(deployment, "events?partial=1", {"records": [*bad, event("a", attributes={}, mask=mask)]})
    assert [row["field"] for row in answer.json()["records"]] == ["mask", "mask.data", "mask.shape", "mask.shape"]
    assert caller.post(deployment, "outcomes", {"records": [{"event_key": "a", "mask": data}]}).status_code == 200
    assert Outcome.objects.get().values["dice"] == 1.0
    assert all(batch_intact(batch) for batch in Batch.objects.all())


# --- after a halt --------------------------------------------------------------------------------------------------


def test_events_of_a_halted_deployment_are_recorded_and_those_made_since_are_marked(deployment, elsewhere):
    halt = halting.halt_create(deployment_id=deployment.id, reason="The gap is over 0.1.", position=0)
    before, after = halt.created_at - timedelta(seconds=1), halt.created_at
    records = [event("before", at=before.isoformat()), event("after", at=after.isoformat())]
    answer = elsewhere.post(deployment, "events", {"records": records})
    assert (answer.status_code, answer.json()["after_halt"]) == (200, 1)
    assert list(Prediction.objects.order_by("batch_index").values_list("after_halt", flat=True)) == [False, True]
    assert Rollup.objects.get(metric="after_halt").n == 1


def test_what_was_made_between_halt_and_reinstatement_stays_marked_when_it_is_told_later(deployment, elsewhere):
    now = timezone.now()
    halting.halt_create(deployment_id=deployment.id, reason="The gap is over 0.1.", position=0)
    Halt.objects.update(created_at=now - timedelta(days=3), closed_at=now - timedelta(days=1))
    Deployment.objects.update(state=Deployment.State.ACTIVE)
    days = {"before": 4, "within": 2, "since": 0.5}
    records = [event(name, at=(now - timedelta(days=ago)).isoformat()) for name, ago in days.items()]
    elsewhere.post(deployment, "events", {"records": records})
    assert list(Prediction.objects.order_by("batch_index").values_list("after_halt", flat=True)) == [False, True, False]


def test_everything_told_of_a_revoked_deployment_is_marked(deployment, elsewhere):
    Deployment.objects.filter(id=deployment.id).update(state=Deployment.State.REVOKED)
    assert elsewhere.post(deployment, "events", {"records": [event("a")]}).json()["after_halt"] == 1


# --- formats and limits --------------------------------------------------------------------------------------------


def test_a_record_a_line_and_gzip(deployment, elsewhere):
    plain = send(elsewhere, deployment, lines(event("a"), event("b")), kind="application/x-ndjson")
    assert (plain.status_code, plain.json()["accepted"]) == (200, 2)
    spaced = lines(event("c")) + b"\n\r\n" + lines(event("d")).rstrip()
    packed = send(
        elsewhere, deployment, gzip.compress(spaced), kind="application/x-ndjson", **{"Content-Encoding": "gzip"}
    )
    assert (packed.status_code, packed.json()["accepted"]) == (200, 2)
    assert Prediction.objects.count() == 4


@pytest.mark.parametrize(
    ("data", "kind", "coding", "status", "words"),
    [
        (b" ", "application/json", None, 400, "records"),
        (b'{"records": [{"event_key": "\\ud800"}]}', "application/json", None, 400, "records"),
        (b"{", "application/json", None, 400, "records"),
        (b"[" * 100_000, "application/json", None, 400, "records"),
        (b'{"records": [], "x": 1}', "application/json", None, 400, "unknown field"),
        (b"\xff\xfe", "application/json", None, 400, "records"),
        (b'{"records": []}', "application/json", None, 422, "1 to 10000 records, got 0"),
        (b"\n\n", "application/x-ndjson", None, 422, "1 to 10000 records, got 0"),
        (b'{"records": [' + b",".join([b"{}"] * 10_001) + b"]}", "application/json", None, 422, "got 10001"),
        (b"{}\n" * 10_001, "application/x-ndjson", None, 422, "got 10001"),
        (b"{}", "text/csv", None, 415, "application/x-ndjson"),
        (b"{}", "application/json; charset=utf-16", None, 415, "UTF-8"),
        (b"{}", "application/json", "br", 415, "gzip"),
        (b"{}", "application/json", "gzip", 400, "not gzip"),
        (gzip.compress(b"{}", mtime=0)[:-3], "application/json", "gzip", 400, "cut short"),
        (gzip.compress(b"{}", mtime=0) + b"more", "application/json", "gzip", 400, "cut short"),
        (gzip.compress(bytes(33 * 2**20), 9, mtime=0), "application/json", "gzip", 413, "32 MiB"),
        (bytes(33 * 2**20), "application/json", None, 413, "32 MiB"),
    ],
)
def test_a_body_that_cannot_be_read_is_refused_in_words(deployment, elsewhere, data, kind, coding, status, words):
    for what in ("events", "outcomes"):
        answer = send(elsewhere, deployment, data, what, kind=kind, **({"Content-Encoding": coding} if coding else {}))
        assert answer.status_code == status, (what, answer.content[:300])
        assert words in answer.json()["message"], what


def test_a_line_that_holds_half_a_record_or_two_is_named(deployment, elsewhere):
    good = lines(event("a"))
    for bad in (good[:-1] + good, b'{"event_key"\n: "b"}\n', b"3\n", b"\xff\n"):
        answer = send(elsewhere, deployment, lines(event("z")) + bad, kind="application/x-ndjson")
        assert answer.status_code == 422, bad
        assert answer.json()["records"][0]["record"] == 1, bad


def test_partial_is_yes_or_no(deployment, elsewhere):
    assert elsewhere.post(deployment, "events?partial=maybe", {"records": [event("a")]}).status_code == 400
    assert elsewhere.post(deployment, "events?partial=0", {"records": [event("a")]}).status_code == 200


# --- bad rows ------------------------------------------------------------------------------------------------------

LONG = "x" * 201
BAD = {
    "no name": (event("b", event_key=None), "record", "event_key"),
    "an empty name": (event(""), "event_key", "length >= 1"),
    "a long name": (event(LONG, patient="p"), "event_key", "length <= 200"),
    "a zero byte": (event("a\u0000", patient="p"), "event_key", "printable"),
    "no patient": (event("b", patient=None), "record", "patient"),
    "a long patient": (event("b", patient=LONG), "patient", "200"),
    "a long number": (event("b", patient=10**300), "patient", "200"),
    "a patient of control characters": (event("b", patient="\u0007"), "patient", "printable"),
    "no time": (event("b", at=None), "record", "at"),
    "a time of no zone": (event("b", at="2026-03-01T08:30:00"), "at", "timezone"),
    "tomorrow": (event("b", at=(timezone.now() + timedelta(days=1)).isoformat()), "at", "to now"),
    "the year one": (event("b", at="0001-01-01T00:00:00+14:00"), "at", "2000"),
    "a score over one": (event("b", score=1.01), "score", "<= 1"),
    "an infinite score": (event("b", score="inf"), "score", "float"),
    "no score, no label": (event("b", score=None), "score", "score (0 to 1), label (0 or 1) or both"),
    "a label of 2": (event("b", label=2), "label", "Invalid"),
    "a strange attribute": (event("b", attributes={"shoe": "44"}), "attributes.shoe", "only the attributes"),
    "an attribute that is a number": (event("b", attributes={"sex": 4}), "attributes[...]", "str"),
    "a mask of a classifier": (event("b", mask={"shape": [1, 1, 1], "data": ""}), "mask", "none"),
    "a surprise": (event("b", note="x"), "record", "unknown field"),
    "the same again": (event("a"), "event_key", "twice"),
}


@pytest.mark.parametrize("name", BAD)
def test_one_bad_row_refuses_all_and_is_named(deployment, elsewhere, name):
    wrong, field, words = BAD[name]
    answer = elsewhere.post(deployment, "events", {"records": [event("a"), wrong]})
    assert answer.status_code == 422, answer.content
    (row,) = answer.json()["records"]
    assert (row["record"], row["field"]) == (1, field), row
    assert words in row["message"]
    assert not Prediction.objects.exists()
    assert not EventKey.objects.exists()


def test_partial_keeps_the_good_rows_and_lists_every_bad_one(deployment, elsewhere):
    elsewhere.post(deployment, "events", {"records": [event("old")]})
    records = [event(f"case {i}") for i in range(60)]
    for place in range(0, 60, 2):
        records[place] = event(f"case {place}", score=7)
    records[1] = event("old")
    answer = elsewhere.post(deployment, "events?partial=1", {"records": records})
    assert answer.status_code == 200, answer.content
    told = answer.json()
    assert (told["accepted"], told["refused"]) == (29, 31)
    assert [row["record"] for row in told["records"]] == sorted([*range(0, 60, 2), 1])
    assert {row["field"] for row in told["records"]} == {"score", "event_key"}
    batch = Batch.objects.get(id=told["batch"])
    assert (batch.rows, batch_intact(batch)) == (29, True)
    assert Prediction.objects.count() == 30 == DeploymentCounter.objects.get().predictions


def test_partial_with_no_good_row_stores_nothing(deployment, elsewhere):
    answer = elsewhere.post(deployment, "events?partial=1", {"records": [event("a", score=7), event("b", score=8)]})
    assert (answer.status_code, answer.json()["refused"], len(answer.json()["records"])) == (422, 2, 2)
    assert not Batch.objects.exists()


def test_all_or_none_names_more_than_a_screenful(deployment, elsewhere):
    answer = elsewhere.post(deployment, "events", {"records": [event(f"c{i}", score=9) for i in range(300)]})
    assert len(answer.json()["records"]) == 300


def test_a_group_that_was_never_counted_is_unknown_and_told_once(deployment, elsewhere):
    answer = elsewhere.post(deployment, "events", {"records": [event("a", "purple"), event("b", "purple"), event("c")]})
    (warning,) = answer.json()["warnings"]
    assert (warning["records"], "taken as unknown" in warning["message"]) == (2, True)
    assert Prediction.objects.order_by("batch_index").first().attributes == {"sex": "unknown"}


# --- retries and rights --------------------------------------------------------------------------------------------


def test_a_retry_with_the_same_key_stores_nothing_twice(deployment, elsewhere):
    body, key = {"records": [event("a"), event("b", score=3)]}, {"Idempotency-Key": "k"}
    first = elsewhere.post(deployment, "events?partial=1", body, **key)
    second = elsewhere.post(deployment, "events?partial=1", body, **key)
    assert (first.status_code, second.status_code) == (200, 200)
    assert first.json() == second.json()
    assert Prediction.objects.count() == 1
    other = {"records": [event("c")]}
    assert elsewhere.post(deployment, "events?partial=1", other, **key).status_code == 409
    assert elsewhere.post(deployment, "events", other, **{"Idempotency-Key": "x" * 201}).status_code == 400


def test_only_a_site_of_the_federation_with_the_right_to_it_records(world, deployment, caller_class):
    body = {"records": [event("a")]}
    asks_only = caller_class(world.people.north, world.people.administrator, ("prediction.request",))
    assert asks_only.post(deployment, "events", body).status_code == 403
    other = Institution.objects.create(name="Elsewhere", slug="elsewhere")
    stranger = caller_class(other, world.people.administrator, ("event.record",))
    assert stranger.post(deployment, "events", body).status_code == 404
    assert not Prediction.objects.exists()


def test_a_key_that_is_revoked_or_expired_is_refused_at_the_next_request(deployment, elsewhere):
    """The key is asked for at every request, so that its revocation holds at once."""
    now = timezone.now()
    assert elsewhere.post(deployment, "events", {"records": [event("a")]}).status_code == 200
    for changed in ({"revoked_at": now}, {"expires_at": now}, {"actions": ["outcome.record"]}):
        before = ApiKey.objects.values(*changed).get()
        ApiKey.objects.update(**changed)
        answer = elsewhere.post(deployment, "events", {"records": [event("b")]})
        assert answer.status_code == (403 if "actions" in changed else 401)
        assert {"code", "message", "status"} <= set(answer.json())
        ApiKey.objects.update(**before)
    assert elsewhere.post(deployment, "events", {"records": [event("b")]}).status_code == 200


def test_the_first_event_of_a_deployment_makes_its_counter(deployment, elsewhere):
    DeploymentCounter.objects.all().delete()
    assert (
        elsewhere.post(deployment, "events", {"records": [event("a")]}, **{"Idempotency-Key": "k"}).status_code == 200
    )
    assert DeploymentCounter.objects.get().predictions == Batch.objects.get().first_position == 1
    assert IdempotencyKey.objects.get().status == 200


@pytest.mark.parametrize("rows", [1, AT_ONCE, AT_ONCE + 1])
def test_few_rows_and_many_are_stored_alike(deployment, elsewhere, rows):
    """Few are stored by the closing statement, many by COPY: the bytes that the root binds are the same."""
    records = [event(f"e{n}", score=None if n % 2 else 1e-9, label=n % 2 or None, attributes={}) for n in range(rows)]
    told = elsewhere.post(deployment, "events", {"records": records}).json()
    batch = Batch.objects.get(id=told["batch"])
    assert batch_intact(batch) and batch.rows == rows
    assert [row.score for row in batch_rows(batch)[:2]] == [1e-9, None][:rows]


@pytest.mark.parametrize("text", ["", "a\tb\nc\rd", "\\N", "\\\\x00", "é\\", '{"a": "\\t"}'])
def test_a_cell_is_read_as_copy_reads_it(text):
    with connection.cursor() as cursor:
        cursor.execute("CREATE TEMPORARY TABLE written (cell text) ON COMMIT DROP")
        cursor.copy_expert("COPY written FROM STDIN", io.StringIO(cell(text) + "\n"))
        cursor.execute("SELECT cell FROM written")
        assert cursor.fetchone() == (text,) == (uncell(cell(text)),)
    assert uncell(cell(None)) is None
    assert uncell(cell(b"\x00\xff")) == "\\x00ff"
