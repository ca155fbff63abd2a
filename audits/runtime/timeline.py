"""What happened around an incident, from its rows and the ledger's entries about them, newest first."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Any

from django.urls import NoReverseMatch, reverse
from django.utils.translation import gettext as _

from audits.domain.incidents.clocks import clock_book
from audits.runtime.models import Incident, IncidentRecord, LookBackCase
from audits.runtime.presentation import ledger_seqs
from core.spoken import inside, spoken

_RESULTS = dict(LookBackCase.Reread.choices) | dict(LookBackCase.Disclosed.choices)
_ARTICLES = {clock.key: clock.article for clock in clock_book().clocks}


def timeline(incident: Incident) -> list[dict[str, Any]]:
    """Events as `{% activity %}` takes them. Each leads to the newest entry about its row."""
    rows = sorted(_rows(incident), key=lambda row: row["when"], reverse=True)
    seqs = ledger_seqs([row["about"] for row in rows])
    return [{**row, "url": _entry(seqs.get(str(row["about"])))} for row in rows]


def _rows(incident: Incident) -> Iterator[dict[str, Any]]:
    halt = incident.halt
    halted = _("Halted at %(site)s") % {"site": halt.site} if halt.site else _("Halted")
    yield _event(halt.created_at, halted, halt.id, halt.author, detail=str(halt.reason), state="halted")
    yield _event(incident.created_at, _("Incident opened with the halt"), incident.id)
    for vote in halt.reinstatements.select_related("officer", "institution", "withdrawn_by"):
        yield _event(
            vote.created_at, _("Vote to reinstate, of %(institution)s") % {"institution": vote.institution}, vote.id,
            str(vote.officer), str(vote.reason),
        )  # fmt: skip
        if vote.withdrawn_at:
            yield _event(
                vote.withdrawn_at, _("Vote of %(institution)s withdrawn") % {"institution": vote.institution}, vote.id,
                str(vote.withdrawn_by), str(vote.withdrawn_why),
            )  # fmt: skip
    if halt.closed_at:
        yield _event(halt.closed_at, _("Reinstated"), halt.id, state="reinstated")
    for record in incident.records.all():
        yield _event(record.created_at, _said(record), record.id, str(record.author), str(record.text))
    for task in incident.tasks.all():
        owner = _("Owner: %(person)s") % {"person": task.owner}
        named = _("Task: %(task)s") % {"task": task.title}
        yield _event(task.created_at, named, task.id, str(task.created_by), owner)
        if task.done_at:
            yield _event(task.done_at, _("Done: %(task)s") % {"task": task.title}, task.id, str(task.done_by))
    for mark in incident.look_back.marks.select_related("author"):
        said = _("%(site)s: %(n)s cases. %(result)s") % {
            "site": mark.site, "n": len(mark.cases), "result": _(_RESULTS.get(mark.result, mark.result)),
        }  # fmt: skip
        yield _event(mark.created_at, said, mark.id, str(mark.author))
    if incident.look_back.built_at:
        yield _event(incident.look_back.built_at, _("List of the look-back made"), incident.look_back.id)


def _event(
    when: datetime, text: str, about: object, actor: str = "", detail: str = "", state: str = ""
) -> dict[str, Any]:
    return {"when": when, "text": text, "about": about, "actor": actor, "detail": detail, "state": state or None}


def _said(record: IncidentRecord) -> str:
    kind = str(spoken(record.get_kind_display()))
    if record.kind == IncidentRecord.Kind.STATE:
        return _("Became %(state)s") % {"state": inside(Incident.State(record.key).label)}
    if record.kind == IncidentRecord.Kind.CLOCK:
        answer = inside(IncidentRecord.Answer(record.answer).label)
        return f"{_ARTICLES.get(record.key, record.key)}: {answer}"
    if record.kind == IncidentRecord.Kind.ACTION:
        return f"{kind}: {inside(IncidentRecord.Action(record.key).label)}"
    return kind


def _entry(seq: int | None) -> str:
    try:
        return "" if seq is None else reverse("ledger_entry", args=[seq])
    except NoReverseMatch:
        return ""
