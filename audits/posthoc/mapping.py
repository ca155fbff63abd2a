"""The control mapping: which control of which framework has evidence on record, and files that people bring for it."""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from django.conf import settings
from django.db import IntegrityError, transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from accounts.models import User
from audits.domain.controls.coverage import Coverage, Finding, Status, control_status, coverage
from audits.domain.controls.frameworks import Control, Framework, read_own
from audits.domain.controls.names import EVIDENCE
from audits.posthoc.evidence import findings
from audits.posthoc.frameworks import shipped
from audits.posthoc.models import ManualEvidence
from audits.predeployment.external.attachments import kind_of, safe_name
from core import artefacts
from core.context import governed
from core.errors import ApplicationError, Conflict

LONGEST = dt.timedelta(days=3 * 366)  # nobody's file speaks for longer


@dataclass(frozen=True)
class ControlView:
    """A control with what is on record for it.

    Attributes
    ----------
    files : the files that people brought and did not withdraw, the newest first
    """

    control: Control
    findings: tuple[Finding, ...]
    files: tuple[ManualEvidence, ...]
    today: dt.date

    @cached_property
    def status(self) -> Status:
        """From all evidence; files count as one, and one that is valid is enough."""
        told = [finding.status for finding in self.findings]
        if self.files:
            told.append(Status.THERE if any(file.valid_until >= self.today for file in self.files) else Status.PARTLY)
        return control_status(told)

    @property
    def newest(self) -> dt.datetime | None:
        found = [finding.newest for finding in self.findings if finding.newest]
        return max([*found, *(file.created_at for file in self.files)], default=None)


@dataclass(frozen=True)
class FrameworkView:
    """A framework with the state of each control."""

    framework: Framework
    controls: tuple[ControlView, ...]

    @cached_property
    def coverage(self) -> Coverage:
        return coverage([view.status for view in self.controls])

    @property
    def gaps(self) -> list[ControlView]:
        """Controls for which something is missing."""
        return [view for view in self.controls if view.status is not Status.THERE]


def frameworks() -> tuple[tuple[Framework, ...], tuple[str, ...]]:
    """All frameworks, the installation's own last, and what is wrong with own files that were left out."""
    if not settings.CONTROL_FRAMEWORKS:
        return shipped(), ()
    own, problems = read_own(Path(settings.CONTROL_FRAMEWORKS), EVIDENCE, [one.key for one in shipped()])
    return (*shipped(), *own), problems


def framework_of(key: str) -> Framework | None:
    return next((one for one in frameworks()[0] if one.key == key), None)


def views_of(chosen: Sequence[Framework]) -> tuple[FrameworkView, ...]:
    """Ask for the evidence of these frameworks, once for all."""
    wanted = {name for one in chosen for control in one.controls for name in control.evidence}
    found, files, today = findings(wanted), defaultdict(list), timezone.now().date()
    rows = ManualEvidence.objects.filter(framework__in=[one.key for one in chosen], withdrawn_at__isnull=True)
    for file in rows.select_related("uploaded_by"):
        files[file.framework, file.control].append(file)
    return tuple(
        FrameworkView(
            one,
            tuple(
                ControlView(c, tuple(found[name] for name in c.evidence), tuple(files[one.key, c.id]), today)
                for c in one.controls
            ),
        )
        for one in chosen
    )


def evidence_add(
    *, framework: Framework, control: Control, name: str, data: bytes, note: str, valid_until: dt.date, actor: User
) -> ManualEvidence:
    """Keep a file as evidence for a control.

    Raises
    ------
    ApplicationError
        If the file is empty, too large or of a kind that is not taken, or its last day is not ahead, or too far.
    Conflict
        If the same file is there already for this control.
    """
    today = timezone.now().date()
    if not today <= valid_until <= today + LONGEST:
        raise ApplicationError(
            _("Expected a last day between %(today)s and %(today_2)s; got %(valid_until)s.")
            % {"today": today, "today_2": today + LONGEST, "valid_until": valid_until}
        )
    if not data:
        raise ApplicationError("The file is empty. Choose one with content.")
    if not note.strip():
        raise ApplicationError("Say in a sentence what the file shows.")
    media_type = kind_of(name, data)
    try:
        with transaction.atomic(), governed(action="control.evidence_add", actor=actor.id):
            return ManualEvidence.objects.create(
                framework=framework.key, control=control.id, digest=artefacts.put(data), name=safe_name(name),
                media_type=media_type, size=len(data), note=note.strip(), valid_until=valid_until, uploaded_by=actor,
            )  # fmt: skip
    except IntegrityError as error:
        raise Conflict(
            "This very file is there already for this control. Withdraw it first, or add another."
        ) from error


def evidence_withdraw(*, evidence: ManualEvidence, actor: User) -> None:
    """Take a file back: it counts no more, and stays on record."""
    with transaction.atomic(), governed(action="control.evidence_withdraw", actor=actor.id):
        row = ManualEvidence.objects.select_for_update().get(id=evidence.id)
        if row.withdrawn_at is not None:
            raise Conflict("This file was withdrawn already.")
        row.withdrawn_at, row.withdrawn_by = timezone.now(), actor
        row.save(update_fields=["withdrawn_at", "withdrawn_by"])


def evidence_file(evidence: ManualEvidence) -> bytes:
    """The bytes, checked against their digest."""
    try:
        return artefacts.get(evidence.digest)
    except artefacts.ArtefactError as error:
        raise Conflict(_("The file does not fit the ledger: %(error)s") % {"error": error}) from error
