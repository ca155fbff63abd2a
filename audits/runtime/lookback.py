"""The look-back: the predictions of the harmful period, listed for each site, which alone knows whose they are.

The list is derived from the predictions by a job; marks are governed rows that name cases by their aliases. A site sees
and marks its own cases; nobody else does, not even members of the platform, who see how many wait.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import connection
from django.db.models import Count, Q
from django.utils import timezone
from django.utils.translation import gettext, gettext_noop

from accounts.models import User
from audits.runtime import incident_state, incidents
from audits.runtime.declared import site_of
from audits.runtime.models import Halt, Incident, LookBack, LookBackCase, LookBackMark, MonitorState
from audits.runtime.names import known_names
from audits.runtime.querysets import CaseQuerySet
from core import jobs
from core.capture import record
from core.context import governed
from core.errors import ApplicationError, Conflict, Forbidden
from core.spreadsheets import csv_text

MOST_MARKED = 5000  # cases in one mark: one entry of the ledger
MOST_NAMES = 1000
_RESULTS: dict[str, Sequence[str]] = {
    LookBackMark.What.REREAD: LookBackCase.Reread.values,
    LookBackMark.What.DISCLOSED: LookBackCase.Disclosed.values,
}
_SELECTED = """
    FROM runtime_prediction p
    WHERE p.deployment_id = %(deployment)s AND p.received_at >= %(since)s AND p.received_at <= %(until)s
        AND (%(site)s = '' OR p.site = %(site)s)
        AND (%(attribute)s = '' OR p.attributes ->> %(attribute)s = %(group)s)
"""
_INSERT = f"""
    INSERT INTO audits_runtime_lookbackcase
        (look_back_id, site, event_key, subject, predicted_at, attributes, score, flagged, in_scope, reread, disclosed)
    SELECT %(look_back)s, p.site, p.event_key, p.subject, p.received_at, p.attributes, p.score, p.flagged, true, '', ''
    {_SELECTED}
    ON CONFLICT (look_back_id, event_key) DO UPDATE SET in_scope = true
"""
_ESTIMATE = """
    SELECT min(p.received_at) FROM runtime_outcome o JOIN runtime_prediction p
        ON p.deployment_id = o.deployment_id AND p.event_key = o.event_key
    WHERE o.deployment_id = %s AND o.position > %s AND o.position <= %s
"""


@dataclass(frozen=True)
class SiteCount:
    """How far one site has come."""

    site: str
    cases: int
    reread: int
    disclosed: int
    waiting: int


# --- the list -----------------------------------------------------------------------------------------------------


def look_back_enqueue(look_back: LookBack) -> None:
    """Ask for the list, in the caller's transaction."""
    jobs.enqueue(
        "lookback.build", {"look_back": str(look_back.id)},
        key=f"lookback:{look_back.id}:{look_back.since.isoformat()}:{look_back.attribute}:{look_back.group}:{uuid.uuid4()}",
    )  # fmt: skip


def look_back_build(payload: dict) -> jobs.Effects:
    """Handler of the job: list the predictions of the period, and estimate when the change began."""
    look_back = LookBack.objects.select_related("incident__halt").get(id=payload["look_back"])
    estimate = change_estimate(look_back.incident.halt)

    def effects() -> None:
        with governed(action="lookback.build"):
            fresh = LookBack.objects.select_for_update().select_related("incident__halt").get(id=look_back.id)
            fresh.cases.update(in_scope=False)
            with connection.cursor() as cursor:
                cursor.execute(_INSERT, {**_selection(fresh), "look_back": fresh.id})
            fresh.estimate, fresh.built_at = estimate, timezone.now()
            fresh.save(update_fields=["estimate", "built_at"])

    return effects


def _selection(look_back: LookBack) -> dict[str, Any]:
    halt = look_back.incident.halt
    return {
        "deployment": halt.deployment_id, "since": look_back.since, "until": look_back.until, "site": halt.site,
        "attribute": look_back.attribute, "group": look_back.group,
    }  # fmt: skip


def change_estimate(halt: Halt) -> dict[str, Any]:
    """When the change may have begun: after the outcome at which the evidence that halted was last at its lowest.

    That is the usual estimate of a change point by a sequential detector; it informs and decides nothing. `since` is
    the time of the earliest prediction among the cases whose outcomes were told from there on. Empty if no detector
    halted.
    """
    position = lowest_evidence(MonitorState.objects.filter(deployment=halt.deployment_id).first(), halt.alarm)
    if position is None:
        return {}
    with connection.cursor() as cursor:
        cursor.execute(_ESTIMATE, [halt.deployment_id, position, halt.position])
        (since,) = cursor.fetchone()
    return {"position": position, "since": since.isoformat() if since else None}


def lowest_evidence(monitor: MonitorState | None, alarm: dict[str, Any]) -> int | None:
    """The drawn position at which the stream that halted had least evidence, the last of them before the halt."""
    told = monitor.summary if monitor else {}
    named = (alarm.get("metric"), alarm.get("attribute"), {alarm.get("higher"), alarm.get("lower")})
    streams = [(s["metric"], s["attribute"], {s["first"], s["second"]}) for s in told.get("streams", [])]
    if named not in streams or not alarm.get("rule"):
        return None
    index, rule = streams.index(named), alarm["rule"]
    points = [
        (float("-inf") if (value := point[rule][index]) is None else value, -point["position"])
        for point in told["history"]
        if point["position"] < alarm["position"]
    ]
    return -min(points)[1] if points else None


def look_back_change(*, look_back: LookBack, since: datetime, whole: bool, reason: str, actor: User) -> LookBack:
    """Choose another beginning, or everyone instead of the harmed group, with a reason. What was marked stays marked.

    Raises
    ------
    ApplicationError
        If the beginning is not between the deployment's and the halt.
    """
    incident = incident_state.with_details(Incident.objects.all()).get(id=look_back.incident_id)
    text = incidents.clean(reason, gettext_noop("a reason"), incidents.MIN_TEXT, 2000)
    if not incidents.manages(actor, incident):
        raise Forbidden("Only an ethics officer of an institution that takes part sets the period of the look-back.")
    began = incident.deployment.created_at
    if not began <= since <= look_back.until:
        raise ApplicationError(
            gettext("Expected a beginning from %(began)s to %(until)s UTC, got %(since)s.")
            % {
                "began": f"{began:%Y-%m-%d %H:%M}",
                "until": f"{look_back.until:%Y-%m-%d %H:%M}",
                "since": f"{since:%Y-%m-%d %H:%M}",
            }
        )
    with governed(action="lookback.change", actor=actor.id, reason=text):
        locked = LookBack.objects.select_for_update().get(id=look_back.id)
        if Incident.objects.select_for_update().get(id=incident.id).state == Incident.State.CLOSED:
            raise Conflict("This incident is closed; its look-back stays as it is.")
        locked.since, locked.built_at = since, None
        if whole:
            locked.attribute = locked.group = ""
        who = f"the group {locked.attribute} = {locked.group}" if locked.attribute else "everyone"
        locked.basis = f"Predictions from a beginning that an officer chose to the halt, of {who}."
        locked.save(update_fields=["since", "built_at", "attribute", "group", "basis"])
        incidents.incident_note(
            incident=incident, kind=incidents.Kind.REMARK, actor=actor,
            text=f"Look-back from {since:%Y-%m-%d %H:%M} UTC, of {who}: {text}",
        )  # fmt: skip
        look_back_enqueue(locked)
    return locked


# --- a site's cases -----------------------------------------------------------------------------------------------


def own_site(user: Any, incident: Incident) -> str | None:
    """The site whose cases the person sees; None for somebody of the platform."""
    return site_of(user, incident.deployment)


def cases_for(user: Any, incident: Incident) -> CaseQuerySet:
    """The cases of the person's own site."""
    site = own_site(user, incident)
    own = LookBackCase.objects.in_scope().filter(look_back__incident=incident)
    return own.filter(site=site) if site else own.none()


def counts_of(incident: Incident, site: str | None = None) -> list[SiteCount]:
    """How far each site has come (or the one named); numbers alone."""
    rows = LookBackCase.objects.in_scope().filter(look_back__incident=incident)
    if site:
        rows = rows.filter(site=site)
    done = rows.order_by("site").values("site").annotate(
        total=Count("id"), read=Count("id", filter=~Q(reread="")), told=Count("id", filter=~Q(disclosed="")),
        open=Count("id", filter=Q(reread="") | Q(disclosed="")),
    )  # fmt: skip
    return [SiteCount(row["site"], row["total"], row["read"], row["told"], row["open"]) for row in done]


def cases_mark(
    *, incident: Incident, what: str, result: str, actor: User, cases: Iterable[int] | None, note: str = ""
) -> int:
    """Mark cases of the actor's own site; returns how many.

    Parameters
    ----------
    what, result : str
        "reread" with a `LookBackCase.Reread`, or "disclosed" with a `LookBackCase.Disclosed`.
    cases : iterable of int or None
        Identifiers; None: all of the site that were not marked so yet, at most 5000 at a time.

    Raises
    ------
    Forbidden
        If the actor is of no site that takes part.
    ApplicationError
        If a value is unknown, or an identifier is not one of the site's cases.
    """
    site = own_site(actor, incident) if isinstance(actor, User) else None
    if site is None:
        raise Forbidden("Cases are marked by people of the site that they belong to.")
    if result not in _RESULTS.get(what, ()):
        raise ApplicationError(
            gettext("Expected one of %(results)s; got %(what)s: %(result)s.")
            % {"results": _RESULTS, "what": what, "result": f"{result!r}"}
        )
    text = incidents.clean(note, gettext_noop("a note"), 0, 1000)
    with governed(action=f"lookback.{what}", actor=actor.id):
        if Incident.objects.select_for_update().get(id=incident.id).state == Incident.State.CLOSED:
            raise Conflict("This incident is closed; its look-back stays as it is.")
        rows = _chosen(cases_for(actor, incident), what, cases)
        if not rows:
            return 0
        LookBackCase.objects.filter(id__in=[key for key, _ in rows]).update(**{what: result})
        LookBackMark.objects.create(
            look_back=incident.look_back, site=site, what=what, result=result, author=actor, note=text,
            cases=[alias for _, alias in rows],
        )  # fmt: skip
    return len(rows)


def _chosen(own: CaseQuerySet, what: str, cases: Iterable[int] | None) -> list[tuple[int, str]]:
    locked = own.order_by("id").select_for_update()
    if cases is None:
        return list(locked.filter(**{what: ""}).values_list("id", "event_key")[:MOST_MARKED])
    wanted = set(cases)
    if not 1 <= len(wanted) <= MOST_MARKED:
        raise ApplicationError(
            gettext("Choose 1 to %(most_marked)s cases, got %(n)s.") % {"most_marked": MOST_MARKED, "n": len(wanted)}
        )
    rows = list(locked.filter(id__in=wanted).values_list("id", "event_key"))
    if len(rows) != len(wanted):
        raise ApplicationError(
            gettext("%(n)s of the chosen cases are not on your site's list.") % {"n": len(wanted) - len(rows)}
        )
    return rows


def cases_resolve(*, incident: Incident, names: Sequence[str], user: Any) -> dict[str, LookBackCase]:
    """Which of a site's own names of cases are on its list. The names are compared and not kept."""
    if not 1 <= len(names) <= MOST_NAMES or not all(isinstance(n, str) and 1 <= len(n) <= 200 for n in names):
        raise ApplicationError(
            gettext("Expected 1 to %(most_names)s names of cases, each of 1 to 200 characters.")
            % {"most_names": MOST_NAMES}
        )
    known = known_names(incident.deployment_id, names)
    rows = cases_for(user, incident).filter(event_key__in=[case.alias for case in known.values()])
    by_alias = {row.event_key: row for row in rows}
    return {name: by_alias[case.alias] for name, case in known.items() if case.alias in by_alias}


COLUMNS = ("case", "patient", "predicted_at", "attributes", "score", "flagged", "reread", "disclosed")


def cases_export(*, incident: Incident, user: Any) -> str:
    """The site's whole list as CSV. The reading is recorded in the ledger.

    Raises
    ------
    Forbidden
        If the person is of no site that takes part.
    """
    site = own_site(user, incident)
    if site is None:
        raise Forbidden("The list is exported by people of the site that it belongs to.")
    rows = list(cases_for(user, incident))
    with governed(action="lookback.export", actor=user.pk):
        record(
            table="audits_runtime_lookbackcase", operation="READ", object_id=str(incident.look_back.id),
            body={"site": site, "cases": str(len(rows))},
        )  # fmt: skip
    return csv_text(COLUMNS, [_cells(row) for row in rows])


def _cells(row: LookBackCase) -> list[object]:
    groups = "; ".join(f"{name}={value}" for name, value in sorted(row.attributes.items()))
    return [
        row.event_key, row.subject, row.predicted_at.isoformat(), groups, row.score, str(row.flagged).lower(),
        row.reread, row.disclosed,
    ]  # fmt: skip
