"""A file of cases: predicted through the gateway part by part, until done, cancelled or halted; refused row by row."""

from __future__ import annotations

import base64
import csv
import io
import json

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.urls import reverse

from accounts.models import User
from audits.runtime import bulk, services
from audits.runtime.models import Batch, Prediction
from audits.runtime.models_bulk import BulkPrediction
from core import artefacts, jobs, vault
from core.models import Job
from tests.audits.runtime.conftest import case
from tests.audits.runtime.test_gateway import image

pytestmark = pytest.mark.django_db
HEAD = "event_key,patient,sex,a,b,c,d\n"
State = BulkPrediction.State


def table(count: int, *changed: str) -> bytes:
    rows = [f"e{i},p{i},female,0.1,0.5,0.3,0.9" for i in range(count)]
    return (HEAD + "\n".join([*rows, *changed])).encode()


def work(made: BulkPrediction) -> BulkPrediction:
    jobs.run(Job.objects.get(kind="bulk.predict", idempotency_key=f"bulk:{made.id}").id)
    made.refresh_from_db()
    return made


def rows_of(made: BulkPrediction) -> list[dict]:
    return list(csv.DictReader(io.StringIO(bulk.bulk_answers(made, "csv"))))


def test_a_table_is_predicted_in_parts_through_the_gateway(start, monkeypatch):
    monkeypatch.setattr(bulk, "PART", 2)
    made = work(start(table(5)))
    assert (made.state, made.done, made.predicted, made.refused) == ("finished", 5, 5, 0)
    assert sorted(Batch.objects.values_list("rows", flat=True)) == [1, 2, 2]
    assert [row["event_key"] for row in rows_of(made)] == ["e0", "e1", "e2", "e3", "e4"]
    assert len({row["score"] for row in rows_of(made)}) == 1  # the same features


def test_bad_rows_are_refused_one_by_one_and_the_others_predicted(start):
    made = work(start(table(3, "e9,p9,female,0.1,many,0.3,0.9", "e0,p0,female,0.1,0.5,0.3,0.9", ",p,female,0,0,0,0")))
    assert (made.state, made.predicted, made.refused) == ("finished", 3, 3)
    states = {row["row"]: (row["state"], row["problem"]) for row in rows_of(made)}
    assert states["1"] == ("predicted", "")
    assert states["4"][0] == "refused" and "features" in states["4"][1]
    assert "comes twice" in states["5"][1]
    assert "event_key: expected 1 to 200 characters" in states["6"][1]


def test_more_bad_rows_than_one_answer_names(start):
    made = work(start(table(2, *(f"x{i},p,female,bad,0,0,0" for i in range(45)))))
    assert (made.predicted, made.refused) == (2, 45)


def test_a_halt_in_the_middle_stops_the_rest_with_its_reason(
    start, world, deployment, monkeypatch, django_capture_on_commit_callbacks
):
    monkeypatch.setattr(bulk, "PART", 2)
    made, served = start(table(6)), bulk.predictions_create

    def halted_after_the_first(**arguments):
        answer = served(**arguments)
        if Batch.objects.count() == 1:
            services.deployment_halt(
                deployment=deployment, reason="It harms patients.", actor=world.people.officer_north
            )
        return answer

    monkeypatch.setattr(bulk, "predictions_create", halted_after_the_first)
    made = work(made)
    assert (made.state, made.predicted) == ("stopped", 2)
    assert "halt" in made.why.lower()
    assert Prediction.objects.count() == 2
    assert len(rows_of(made)) == 2


def test_a_halted_deployment_takes_no_file(start, world, deployment):
    services.deployment_halt(deployment=deployment, reason="It harms patients.", actor=world.people.officer_north)
    with pytest.raises(Exception, match="halted"):
        start(table(1))
    assert not BulkPrediction.objects.exists()


def test_cancelled_it_stops_and_keeps_what_was_served(
    start, clinician, monkeypatch, django_capture_on_commit_callbacks
):
    monkeypatch.setattr(bulk, "PART", 2)
    made, served = start(table(6)), bulk.predictions_create

    def cancelled_after_the_first(**arguments):
        answer = served(**arguments)
        if Batch.objects.count() == 1:
            bulk.bulk_cancel(bulk=made, actor=clinician)
        return answer

    monkeypatch.setattr(bulk, "predictions_create", cancelled_after_the_first)
    with django_capture_on_commit_callbacks(execute=True):
        made = work(made)
    assert (made.state, made.predicted, Prediction.objects.count()) == ("cancelled", 2, 2)
    assert artefacts.size(made.digest) is None


@pytest.mark.parametrize("shown", [0, 1])
def test_a_worker_that_dies_predicts_nothing_twice(start, monkeypatch, shown):
    """It dies after a part was served, with or without having said so; a row of it is refused as a duplicate."""
    monkeypatch.setattr(bulk, "PART", 3)
    work(start(table(1)))
    made = start(table(4, "e7,p7,female,bad,0,0,0"))  # e0 was predicted before
    kept, calls = bulk._show, []

    def die(*arguments):
        calls.append(1)
        if len(calls) > 1 + shown:
            raise RuntimeError("killed")
        kept(*arguments)

    monkeypatch.setattr(bulk, "_show", die)
    work(made)
    assert made.state == "running"
    monkeypatch.setattr(bulk, "_show", kept)
    Job.objects.filter(kind="bulk.predict", state="queued").update(next_run_at=made.created_at)
    made = work(made)
    assert (made.state, made.predicted, made.refused) == ("finished", 3, 2)
    assert Prediction.objects.count() == 4
    assert [row["state"] for row in rows_of(made)] == ["refused", "predicted", "predicted", "predicted", "refused"]


def test_records_a_line_are_taken_too(start):
    lines = "\n".join(json.dumps(case(f"n{i}")) for i in range(2)) + "\n\n"
    assert work(start(lines.encode(), "cases.ndjson")).predicted == 2


@pytest.mark.parametrize(
    ("data", "name", "words"),
    [
        (b"", "a.csv", "Expected the columns"),
        (HEAD.encode(), "a.csv", "at least one case"),
        (b"event_key,patient,a\nx,y,1", "a.csv", "missing b, c, d"),
        ((HEAD.strip() + ",bmi\n").encode(), "a.csv", "not known bmi"),
        (b"\xff\xfe", "a.csv", "UTF-8"),
        (b"{", "a.ndjson", "Line 1: expected a JSON object"),
        (b"[1]", "a.ndjson", "got list"),
        (b"\n\n", "a.ndjson", "at least one case"),
        (("{}\n" * 5001).encode(), "a.ndjson", "at most 5000 cases"),
        (("[" * 100_000).encode(), "a.ndjson", "Line 1"),
    ],
)
def test_a_file_that_is_none_is_refused_with_what_was_expected(start, data, name, words):
    with pytest.raises(bulk.ApplicationError, match=words):
        start(data, name)
    assert not BulkPrediction.objects.exists()


def test_cases_and_answers_lie_sealed_and_the_cases_go(start, django_capture_on_commit_callbacks):
    made = start(table(2))
    kept = artefacts.get(made.digest)
    assert kept.startswith(b"v1:")
    assert b"e1,p1" not in kept  # with the comma, which no ciphertext has: two letters alone come up by chance
    with django_capture_on_commit_callbacks(execute=True):
        made = work(made)
        assert artefacts.size(made.digest) is not None  # a commit that fails is tried again, from the cases
    assert artefacts.size(made.digest) is None
    assert artefacts.get(made.results).startswith(b"v1:")


def test_after_an_erasure_nobody_reads_them(start, clinician):
    made = start(table(2))
    vault.shred(clinician.id)
    vault.forget_cached()
    made = work(made)
    assert (made.state, made.predicted) == ("stopped", 0)
    with pytest.raises(bulk.Conflict, match="no answer"):
        bulk.bulk_answers(made, "csv")


def test_who_may_no_longer_ask_gets_no_more(start, clinician):
    made = start(table(2))
    type(clinician).objects.filter(id=clinician.id).update(is_active=False)
    assert work(made).state == "stopped"


def test_the_pages_from_the_file_to_the_answers(deployment, clinician, client_of):
    client = client_of(clinician)
    address = reverse("bulk_predictions", args=[deployment.id])
    assert "No file yet" in client.get(address).content.decode()
    sent = client.post(address, {"cases": SimpleUploadedFile("c.csv", table(3, "e7,p7,female,bad,0,0,0"))})
    made = BulkPrediction.objects.get()
    page = reverse("bulk_prediction", args=[made.id])
    assert sent.headers["Location"] == page
    assert 'hx-trigger="every 2s"' in client.get(page).content.decode()
    work(made)
    text = client.get(page).content.decode()
    assert "3 predicted, 1 refused, 4 in all" in text and "every 2s" not in text
    answer = client.get(reverse("bulk_prediction_csv", args=[made.id]))
    assert answer.status_code == 200 and answer["Cache-Control"] == "no-store"
    assert answer.content.decode().count("predicted") == 3
    assert "Predict a file" in client.get(reverse("deployment", args=[deployment.id])).content.decode()


def test_a_bad_file_keeps_the_page_and_says_why(deployment, clinician, client_of):
    client, address = client_of(clinician), reverse("bulk_predictions", args=[deployment.id])
    assert "Choose a file" in client.post(address).content.decode()
    response = client.post(address, {"cases": SimpleUploadedFile("c.csv", b"x,y\n1,2")})
    assert response.status_code == 400
    assert "Expected the columns" in response.content.decode()


def test_a_file_is_its_senders_alone(start, world, deployment, client_of):
    made = start(table(1))
    for who, status in (("officer_north", 403), ("administrator", 403), ("outsider", 403)):
        client = client_of(getattr(world.people, who))
        assert client.get(reverse("bulk_prediction", args=[made.id])).status_code == status


def test_a_cancelled_one_cannot_be_cancelled_again(start, clinician, client_of):
    made = start(table(1))
    client = client_of(clinician)
    client.post(reverse("bulk_prediction_cancel", args=[made.id]))
    assert BulkPrediction.objects.get().state == "cancelled"
    with pytest.raises(bulk.Conflict, match="ended already"):
        bulk.bulk_cancel(bulk=made, actor=clinician)
    assert work(made).state == "cancelled"
    assert not Prediction.objects.exists()


def test_masks_of_images_come_back_in_the_lines_of_json(image_deployment, client_of):
    """What the gateway answers, whole: a table has no room for masks."""
    clinician = User.objects.get(email="clinician@test.example")
    lines = [{"event_key": f"i{n}", "patient": n, "image": image()} for n in range(2)]
    lines.append({"event_key": "bad", "patient": 9, "image": image(px=64)})
    data = "\n".join(json.dumps(line) for line in lines).encode()
    made = work(bulk.bulk_start(deployment=image_deployment, actor=clinician, data=data, name="cases.jsonl"))
    assert (made.predicted, made.refused) == (2, 1)
    page = client_of(clinician).get(reverse("bulk_prediction", args=[made.id])).content.decode()
    address = reverse("bulk_prediction_jsonl", args=[made.id])
    assert address in page
    answer = client_of(clinician).get(address)
    assert answer["Content-Type"] == "application/x-ndjson" and "no-store" in answer["Cache-Control"]
    one, two, bad = (json.loads(line) for line in answer.content.decode().splitlines())
    stored = {bytes(row.output) for row in Prediction.objects.all()}
    assert {base64.b64decode(row["mask"]["data"]) for row in (one, two)} == stored
    assert one["mask"]["shape"] == [1, 32, 32] and one["state"] == "predicted"
    assert bad["state"] == "refused" and "image.shape" in bad["problem"] and "mask" not in bad
    by_api = client_of(clinician).get(f"/api/v1/prediction-files/{made.id}/answers?form=jsonl")
    assert by_api.content == answer.content
    refused = client_of(clinician).get(f"/api/v1/prediction-files/{made.id}/answers?form=xlsx")
    assert refused.status_code == 400
