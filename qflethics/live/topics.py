"""What can be watched: who may, and a short text that changes whenever the page would."""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import Callable
from dataclasses import dataclass

from django.db import connection
from django.db.models import Count, Max, QuerySet

from accounts.models import User
from audits.runtime.models import DeploymentCounter, Halt, MonitorState
from federation.models import TrainingRun
from federation.presentation.progress import run_fingerprint
from models_registry.models import Deployment
from provenance.models import Entry


@dataclass(frozen=True)
class Topic:
    """One thing to watch. Two equal topics share one look at the database."""

    kind: str
    subject: uuid.UUID | None = None

    @property
    def seconds(self) -> float:
        """Between two looks; the home page shows no progress, so it can wait longer."""
        return {"home": 2.0, "deployment": 1.0}.get(self.kind, 0.7)

    @property
    def patience(self) -> float:
        """How long nothing need be looked at while the doorbell is heard. Only deployments ring (core.doorbell)."""
        return 10.0 if self.kind == "deployment" else self.seconds

    @property
    def name(self) -> str:
        return f"{self.kind}:{self.subject}"

    def fingerprint(self) -> str:
        """One look. The connection is closed after it: a stream lives for minutes and must hold none."""
        try:
            return _FINGERPRINTS[self.kind](self.subject)
        finally:
            if not connection.in_atomic_block:  # a test's transaction
                connection.close()

    def admits(self, user: User) -> int:
        """HTTP status for this person: 200, 403 if the role may not, 404 if it lies outside the institution's scope."""
        if not user.may(_ACTIONS[self.kind]):
            return 403
        if self.kind == "home":
            return 200
        scope: QuerySet = (TrainingRun if self.kind == "run" else Deployment).objects.for_user(user)
        return 200 if scope.filter(id=self.subject).exists() else 404


def deployment_fingerprint(deployment: uuid.UUID) -> str:
    state = Deployment.objects.filter(id=deployment).values_list("state", flat=True).first()
    counted = DeploymentCounter.objects.filter(pk=deployment).values_list("predictions", "outcomes").first()
    monitor = MonitorState.objects.filter(pk=deployment).values_list("position", "amber", "updated_at").first()
    halts = Halt.objects.filter(deployment=deployment).aggregate(
        halts=Count("pk", distinct=True),
        closed=Max("closed_at"),
        votes=Count("reinstatements"),
        withdrawn=Count("reinstatements__withdrawn_at"),
    )
    return _short(state, counted, monitor, halts)


def home_fingerprint() -> str:
    """All decisions are in the ledger; only the monitor's warnings are not."""
    last = Entry.objects.aggregate(last=Max("seq"))["last"]
    return _short(last, MonitorState.objects.filter(amber=True).count())


def _short(*values: object) -> str:
    return hashlib.sha256(repr(values).encode()).hexdigest()[:16]


_ACTIONS = {"run": "federation.view", "deployment": "deployment.view", "home": "home.view"}
_FINGERPRINTS: dict[str, Callable[[uuid.UUID | None], str]] = {
    "run": run_fingerprint,  # type: ignore[dict-item]
    "deployment": deployment_fingerprint,  # type: ignore[dict-item]
    "home": lambda _: home_fingerprint(),
}
