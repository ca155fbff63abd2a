"""What providers share: how they announce themselves, count, and read once what several of them need."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property

from django.db.models import Count, Max, QuerySet
from django.urls import reverse

from audits.domain.controls.coverage import Finding, share_status
from audits.domain.controls.names import EVIDENCE
from audits.posthoc.models import Risk
from audits.predeployment.models import AuditRun, CheckResult
from audits.runtime.models import Incident
from federation.models import Participant, TrainingRun
from models_registry.models import Version


@dataclass(frozen=True)
class Counted:
    """So many of so many, the newest of them, and a sentence."""

    count: int
    of: int
    newest: datetime | None
    sentence: str


class Records:
    """What several providers read, read once."""

    @cached_property
    def versions(self) -> int:
        return Version.objects.count()

    @cached_property
    def runs(self) -> list[TrainingRun]:
        return list(TrainingRun.objects.only("id", "state", "config", "created_at", "finished_at"))

    @cached_property
    def participants(self) -> int:
        return Participant.objects.filter(is_active=True).count()

    @cached_property
    def risks(self) -> list[Risk]:
        return list(Risk.objects.exclude(state=Risk.State.CLOSED).defer("hazard", "situation", "harm"))

    @cached_property
    def incidents(self) -> int:
        return Incident.objects.count()

    @cached_property
    def checks(self) -> dict[str, dict[str, tuple[str, datetime]]]:
        """Version -> check -> verdict and time, of the newest finished audit that ran it."""
        rows = (
            CheckResult.objects.filter(audit__state=AuditRun.State.FINISHED)
            .order_by("audit__version_id", "check_id", "-audit__finished_at")
            .distinct("audit__version_id", "check_id")
            .values_list("audit__version_id", "check_id", "verdict", "audit__finished_at")
        )
        found: dict[str, dict[str, tuple[str, datetime]]] = defaultdict(dict)
        for version, check, verdict, at in rows:
            assert at is not None  # of a finished audit
            found[str(version)][check] = (verdict, at)
        return found


Provider = Callable[[Records], Counted]
PROVIDERS: dict[str, tuple[Provider, str]] = {}  # name -> query, and the page that it leads to


def provides(name: str, page: str = "") -> Callable[[Provider], Provider]:
    def keep(provider: Provider) -> Provider:
        PROVIDERS[name] = (provider, page)
        return provider

    return keep


def findings(names: Collection[str] = EVIDENCE) -> dict[str, Finding]:
    """Ask the providers of these names."""
    records = Records()
    return {name: _finding(name, records) for name in EVIDENCE if name in names}


def _finding(name: str, records: Records) -> Finding:
    provider, page = PROVIDERS[name]
    told = provider(records)
    return Finding(
        name, EVIDENCE[name], share_status(told.count, told.of), told.count, told.of, told.sentence, told.newest,
        reverse(page) if page else "",
    )  # fmt: skip


def exists(rows: QuerySet, what: str, at: str = "created_at") -> Counted:
    """Evidence that is there as soon as one row is."""
    told = rows.aggregate(n=Count("pk"), newest=Max(at))
    return Counted(told["n"], 1, told["newest"], f"{told['n']:,} {what} on record.")


def counted(rows: QuerySet, of: int, sentence: str, at: str = "created_at", per: str = "pk") -> Counted:
    """How many of `of` have a row. `sentence` has places {n} and {of}."""
    told = rows.aggregate(n=Count(per, distinct=True), newest=Max(at))
    return Counted(told["n"], of, told["newest"], sentence.format(n=told["n"], of=of))
