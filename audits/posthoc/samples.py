"""External auditors' samples: drawn and kept before the look, found upon item by item, closed when nothing is left.

The "audit success rate" of this platform comes from here alone. Without a closed sample there is none.
"""

from __future__ import annotations

import datetime as dt
import secrets
from collections import Counter
from collections.abc import Iterable

from django.utils import timezone
from django.utils.translation import gettext as _

from accounts.models import User
from audits.domain.controls import sampling
from audits.domain.controls.sampling import Item, Rate, Stratum
from audits.posthoc import mapping
from audits.posthoc.assembly.window import label
from audits.posthoc.models import AuditSample, SampleItem
from audits.predeployment.external.attachments import kind_of, safe_name
from core import artefacts
from core.context import governed
from core.errors import ApplicationError, Conflict, Forbidden
from core.roles import Role
from federation.models import Participant
from models_registry.models import ApprovalDecision
from models_registry.refusals import refusals_told
from provenance.domain.canonical import canonical

MOST_ITEMS = 500
Kind, Finding = AuditSample.Kind, SampleItem.Finding


def population(kind: str, start: dt.date | None = None, end: dt.date | None = None) -> list[Item]:
    """Everything that can be drawn: controls by framework, or decisions of a period by role and outcome."""
    if kind == Kind.CONTROLS:
        return [
            Item(one.title[:120], f"{one.key}/{control.id}", label(f"{control.reference}: {control.title}"))
            for one in mapping.frameworks()[0]
            for control in one.controls
        ]
    rows = ApprovalDecision.objects.filter(created_at__date__gte=start, created_at__date__lte=end)
    return [
        Item(f"{row.get_capacity_display()}, {row.get_decision_display().lower()}", str(row.id), label(row.request))
        for row in rows.select_related("request__version__model").order_by("id")
    ]


def sample_draw(
    *, kind: str, wanted: int, words: str, actor: User, start: dt.date | None = None, end: dt.date | None = None
) -> AuditSample:
    """Draw a sample and keep it with its seed and population, before anybody looks.

    Parameters
    ----------
    wanted : int
        How many items; every stratum gives at least one.
    words : str
        The auditor's part of the seed. The platform draws its own after it.

    Raises
    ------
    Forbidden
        If the actor is no external auditor, or their institution takes part in a federation here.
    ApplicationError
        If the size, words or period do not do, or there is nothing to draw from.
    Conflict
        If a sample of this kind is still open.
    """
    _refuse_insiders(actor)
    if kind not in Kind.values:
        raise ApplicationError(
            _("Expected one of %(values)s, got %(kind)s.") % {"values": ", ".join(Kind.values), "kind": f"{kind!r}"}
        )
    if not words.strip():
        raise ApplicationError("Give some words of your own for the seed: without them, the platform alone would draw.")
    if kind == Kind.CONTROLS:
        start = end = None
    elif start is None or end is None or end < start:
        raise ApplicationError("Decisions are drawn from a period. Give its first and its last day, in this order.")
    found = population(kind, start, end)
    if not found:
        raise ApplicationError("There is nothing to draw from: no decision was taken in this period.")
    digest, nonce = artefacts.put(canonical([[i.stratum, i.ref, i.title] for i in found])), secrets.token_hex(32)
    try:
        drawn = sampling.draw(found, wanted, sampling.seed_of(words.strip(), nonce, digest))
        if wanted > MOST_ITEMS:
            raise ValueError(f"expected at most {MOST_ITEMS} items, got {wanted}")
    except ValueError as error:
        raise ApplicationError(
            _("The sample cannot be drawn: %(error)s. Each stratum gives at least one.") % {"error": error}
        ) from None
    with refusals_told(), governed(action="sample.draw", actor=actor.id):
        sample = AuditSample.objects.create(
            kind=kind, auditor=actor, period_start=start, period_end=end, words=words.strip(), nonce=nonce,
            population_digest=digest, strata=dict(Counter(item.stratum for item in found)),
        )  # fmt: skip
        for number, item in enumerate(drawn, start=1):
            SampleItem.objects.create(
                sample=sample, number=number, stratum=item.stratum, ref=item.ref, title=item.title
            )
    return sample


def item_find(
    *, item: SampleItem, finding: str, text: str, actor: User, name: str = "", data: bytes = b""
) -> SampleItem:
    """Record what was found about an item, once.

    Parameters
    ----------
    data : bytes
        A file that shows it; none is needed.

    Raises
    ------
    Forbidden
        If the sample is another's.
    ApplicationError
        If the finding is none, gives no reason, or the file is of a kind that is not taken.
    Conflict
        If it was found upon already.
    """
    _refuse_others(item.sample, actor)
    if finding not in Finding.values:
        raise ApplicationError(
            _("Expected one of %(values)s, got %(finding)s.")
            % {"values": ", ".join(Finding.values), "finding": f"{finding!r}"}
        )
    if not text.strip():
        raise ApplicationError("Say what you looked at and what you saw: it becomes part of the record.")
    if data:
        kind_of(name, data)  # refuses what is not taken
    with refusals_told(), governed(action="sample.find", actor=actor.id, reason=finding):
        held = SampleItem.objects.select_for_update(of=("self",)).get(id=item.id)
        if held.finding:
            raise Conflict("This item was found upon already; a finding never changes.")
        held.finding, held.text, held.found_by, held.found_at = finding, text.strip(), actor, timezone.now()
        if data:
            held.evidence_digest, held.evidence_name = artefacts.put(data), safe_name(name)
        held.save()
    return held


def sample_close(*, sample: AuditSample, actor: User) -> AuditSample:
    """Close a sample that has a finding for every item. From then on its rate stands.

    Raises
    ------
    Conflict
        If an item is left. What cannot be assessed is found so, and not left out.
    """
    _refuse_others(sample, actor)
    with refusals_told(), governed(action="sample.close", actor=actor.id):
        held = AuditSample.objects.select_for_update().get(id=sample.id)
        if held.state == AuditSample.State.CLOSED:
            raise Conflict("This sample is closed already.")
        if left := held.items.filter(finding="").count():
            raise Conflict(
                _("%(left)s of the items have no finding yet. What cannot be assessed is found so.") % {"left": left}
            )
        held.state, held.closed_at = AuditSample.State.CLOSED, timezone.now()
        held.save(update_fields=["state", "closed_at"])
    return held


def seed(sample: AuditSample) -> str:
    """The seed that the items were drawn with: with the population's file, anybody can draw again."""
    return sampling.seed_of(sample.words, sample.nonce, sample.population_digest).hex()


def strata_of(sample: AuditSample, items: Iterable[SampleItem]) -> list[Stratum]:
    """What was found in each stratum."""
    assessed, conform = Counter[str](), Counter[str]()
    for item in items:
        if item.finding and item.finding != Finding.NOT_ASSESSABLE:
            assessed[item.stratum] += 1
            conform[item.stratum] += item.finding == Finding.CONFORM
    return [Stratum(name, size, assessed[name], conform[name]) for name, size in sorted(sample.strata.items())]


def rate_of(sample: AuditSample) -> Rate | None:
    """The rate of a closed sample; None of one that is open, or where nothing could be assessed."""
    if sample.state != AuditSample.State.CLOSED:
        return None
    return sampling.success_rate(strata_of(sample, sample.items.all()))


def newest_rates() -> list[tuple[AuditSample, Rate | None]]:
    """The newest closed sample of each kind; empty until there is one."""
    closed = AuditSample.objects.filter(state=AuditSample.State.CLOSED).prefetch_related("items")
    newest = closed.order_by("kind", "-closed_at").distinct("kind")
    return [(sample, rate_of(sample)) for sample in newest]


def _refuse_insiders(actor: User) -> None:
    if Role.EXTERNAL_AUDITOR not in actor.roles or actor.sees_all:
        raise Forbidden("Samples are drawn by an external auditor, who has no part in running this platform.")
    if Participant.objects.filter(institution__in=actor.institution_ids).exists():
        raise Forbidden("Your institution takes part in a federation here: somebody of another one draws the sample.")


def _refuse_others(sample: AuditSample, actor: User) -> None:
    if sample.auditor_id != actor.id:
        raise Forbidden("Only the auditor who drew the sample records findings in it.")
