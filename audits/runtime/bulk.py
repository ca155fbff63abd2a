"""Predicting a file in the background: the same gateway, some cases at a time, until done, cancelled or halted.

Each part is a request of its own under a key of its own, so a worker that dies and begins again predicts nothing twice.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Sequence
from http import HTTPStatus
from typing import Any

from django.db import transaction

from accounts.models import User
from audits.runtime.bulk_files import Row, read_file
from audits.runtime.declared import declared_by
from audits.runtime.gateway import caller_site, predictions_create, predictions_recall
from audits.runtime.halting import refuse_unless_active
from audits.runtime.models_bulk import BulkPrediction
from audits.runtime.records import BadRecords
from core import artefacts, jobs, vault
from core.context import governed
from core.errors import ApplicationError, Conflict
from core.spreadsheets import csv_text
from models_registry.models import Deployment

State = BulkPrediction.State
ATTEMPTS = 20  # without progress, in a quarter of an hour: a chain or a model that is away comes back
PART = 64  # cases in a request: a halt or a cancellation waits for at most so many
FORMS = {"csv": "text/csv; charset=utf-8", "jsonl": "application/x-ndjson"}  # of the answers
Found = dict[int, dict[str, Any]]  # by place in the file: what was answered, or why it was refused
COLUMNS = ("row", "event_key", "state", "score", "label", "confidence", "range", "warnings", "problem")


def bulk_start(*, deployment: Deployment, actor: User, data: bytes, name: str) -> BulkPrediction:
    """Take a file; a job predicts it. Refused at once if the deployment serves nothing."""
    site = caller_site(actor, deployment)
    refuse_unless_active(deployment.id, site)
    rows = read_file(data, name, declared_by(deployment.version))
    bulk = BulkPrediction(deployment=deployment, requested_by=actor, site=site, rows=len(rows))
    bulk.digest = _put(bulk, "cases", rows)
    with governed(action="bulk.start", actor=actor.id):
        bulk.save()
        jobs.enqueue("bulk.predict", {"bulk": str(bulk.id)}, key=_job(bulk), max_attempts=ATTEMPTS)
    return bulk


def bulk_cancel(*, bulk: BulkPrediction, actor: User) -> None:
    """Stop after the part in hand; what was predicted was served and stays."""
    with governed(action="bulk.cancel", actor=actor.id):
        if not bulk.end(State.CANCELLED):
            raise Conflict("It has ended already; there is nothing to cancel.")


def bulk_predict(payload: dict) -> jobs.Effects | None:
    bulk = BulkPrediction.objects.select_related("deployment__version__model", "requested_by").get(id=payload["bulk"])
    rows = _get(bulk, "cases", bulk.digest)
    if rows is None:
        return lambda: _end(bulk, State.STOPPED, "The cases cannot be read: the person who sent them was erased.")
    BulkPrediction.objects.filter(id=bulk.id, state=State.QUEUED).update(state=State.RUNNING)
    found = _answers_so_far(bulk)
    _refuse_unreadable(bulk, rows, found)
    for start in range(0, len(rows), PART):
        part = range(start, min(start + PART, len(rows)))
        try:
            _recall(bulk, rows, part, found)
            if not BulkPrediction.objects.filter(id=bulk.id, state=State.RUNNING).exists():
                return lambda: _forget_cases(bulk)
            if why := _no_longer_allowed(bulk):
                return lambda: _end(bulk, State.STOPPED, why)
            _part(bulk, rows, part, found)
        except ApplicationError as error:
            if error.status == HTTPStatus.SERVICE_UNAVAILABLE:
                raise  # no thread is free, or the chain is away: the job is tried again later, and goes on from here
            _refuse_if_overtaken(bulk)
            stopped = error.message
            return lambda: _end(bulk, State.STOPPED, stopped)
    return lambda: _end(bulk, State.FINISHED)


def given_up(payload: dict) -> jobs.Effects | None:
    """The job was tried too often."""
    if payload["kind"] != "bulk.predict":
        return None
    bulk = BulkPrediction.objects.get(id=payload["payload"]["bulk"])
    return lambda: _end(
        bulk, State.STOPPED, "The worker could not go on; the operator's log says why. Send the rest again."
    )


def _no_longer_allowed(bulk: BulkPrediction) -> str:
    person = User.objects.get(id=bulk.requested_by_id)
    if person.is_active and person.may("prediction.request"):
        return ""
    return "The person who asked may no longer ask for predictions."


def _refuse_unreadable(bulk: BulkPrediction, rows: list[Row], found: Found) -> None:
    """Rows that are no record are refused here: the gateway would refuse every other row of their part with them."""
    unreadable = {number: _refused(number, None, row) for number, row in enumerate(rows) if isinstance(row, str)}
    if unreadable.keys() - found.keys():
        found.update(unreadable)
        _show(bulk, found)


def _recall(bulk: BulkPrediction, rows: list[Row], part: range, found: Found) -> None:
    """Note what was served to a worker that died before it noted it, even if the file may not go on now."""
    if waiting := [number for number in part if number not in found]:
        answer = predictions_recall(**_request(bulk, rows, waiting, part))
        if answer is not None:
            _note(bulk, waiting, answer, found)


def _part(bulk: BulkPrediction, rows: list[Row], part: range, found: Found) -> None:
    """Predict some cases; those that the gateway refuses are left out and the others asked again.

    Refusals are kept before the others are asked: who begins again after a crash asks with the very same body, and is
    given the answer that was stored under the part's key.
    """
    while waiting := [number for number in part if number not in found]:
        try:
            answer = predictions_create(**_request(bulk, rows, waiting, part))
        except BadRecords as error:
            if not error.rows:
                raise
            for bad in error.rows:
                number, problem = waiting[bad["record"]], f"{bad['field']}: {bad['message']}"
                if number in found:
                    problem = f"{found[number]['problem']}; {problem}"
                found[number] = _refused(number, bad["event_key"], problem)
            _show(bulk, found)
        else:
            _note(bulk, waiting, answer, found)


def _request(bulk: BulkPrediction, rows: list[Row], waiting: list[int], part: range) -> dict[str, Any]:
    return {
        "deployment": bulk.deployment, "caller": bulk.requested_by, "idempotency_key": f"{bulk.id}:{part.start}",
        "body": json.dumps({"records": [rows[number] for number in waiting]}).encode(),
    }  # fmt: skip


def _refused(number: int, event_key: str | None, problem: str) -> dict[str, Any]:
    return {"row": number + 1, "event_key": event_key, "problem": problem}


def _note(bulk: BulkPrediction, waiting: list[int], answer: dict, found: Found) -> None:
    for number, one in zip(waiting, answer["predictions"], strict=True):
        found[number] = {"row": number + 1, **one}
    _show(bulk, found)


def _show(bulk: BulkPrediction, found: Found) -> None:
    """Keep the answers so far, in whatever state the file is: what was served before it ended is told, too.

    Raises
    ------
    LeaseLost
        If another worker has kept some since this one read them: it is ahead.
    """
    results = [found[number] for number in sorted(found)]
    refused = sum("problem" in row for row in results)
    before, kept = bulk.results, _put(bulk, "answers", results)
    mine = BulkPrediction.objects.filter(id=bulk.id, results=before)
    if not mine.update(done=len(results), refused=refused, predicted=len(results) - refused, results=kept):
        artefacts.remove(kept)
        raise jobs.LeaseLost(bulk.id)
    bulk.results = kept
    jobs.progressed(_job(bulk))
    if before:
        artefacts.remove(before)


def _refuse_if_overtaken(bulk: BulkPrediction) -> None:
    """Another worker is ahead: what this one met on the same part says nothing of the file."""
    if not BulkPrediction.objects.filter(id=bulk.id, results=bulk.results).exists():
        raise jobs.LeaseLost(bulk.id)


def _answers_so_far(bulk: BulkPrediction) -> Found:
    if not bulk.results:
        return {}
    rows = _get(bulk, "answers", bulk.results)
    if rows is None:  # the cases could be read, so it is not for an erasure
        _refuse_if_overtaken(bulk)
        raise artefacts.ArtefactError(f"the answers so far of {bulk.id} cannot be read: {bulk.results}")
    return {row["row"] - 1: row for row in rows}


def _job(bulk: BulkPrediction) -> str:
    """The key of its job."""
    return f"bulk:{bulk.id}"


def _end(bulk: BulkPrediction, state: State, why: str = "") -> None:
    with governed(action="bulk.end", reason=why):
        bulk.end(state, why)
    _forget_cases(bulk)


def _forget_cases(bulk: BulkPrediction) -> None:
    """Once the end is on record: a job that is run again still needs them. What was predicted is in the answers."""
    transaction.on_commit(lambda: artefacts.remove(bulk.digest))


def bulk_answers(bulk: BulkPrediction, form: str) -> str:
    """The answers so far: a table, or a JSON record a line with everything that the gateway answered, masks included.

    Parameters
    ----------
    form : "csv" or "jsonl"

    Raises
    ------
    Conflict
        If there is none, or nobody can read it any more.
    """
    rows = _get(bulk, "answers", bulk.results) if bulk.results else None
    if rows is None:
        raise Conflict("There is no answer to download: nothing was predicted yet, or the person who asked was erased.")
    if form == "jsonl":
        return "".join(json.dumps({**row, "state": _state(row)}) + "\n" for row in rows)
    return csv_text(COLUMNS, [_cells(row) for row in rows])


def _state(row: dict[str, Any]) -> str:
    return "refused" if "problem" in row else "withheld" if row.get("withheld") else "predicted"


def _cells(row: dict[str, Any]) -> list[object]:
    return [
        row["row"], row.get("event_key"), _state(row), row.get("score"), row.get("label"), row.get("confidence"),
        row.get("range"), "; ".join(row.get("warnings", ())), row.get("problem"),
    ]  # fmt: skip


def _put(bulk: BulkPrediction, what: str, rows: Sequence[Row]) -> str:
    return artefacts.put(vault.seal(_owner(bulk), json.dumps(rows), f"bulk.{what}:{bulk.id}").encode())


def _get(bulk: BulkPrediction, what: str, digest: str) -> list[Any] | None:
    try:
        token = artefacts.get(digest).decode()
    except artefacts.ArtefactError:
        return None
    text = vault.open(_owner(bulk), token, f"bulk.{what}:{bulk.id}")
    return None if text is None else json.loads(text)


def _owner(bulk: BulkPrediction) -> uuid.UUID:
    return bulk.requested_by_id
