"""What the sites' workers say of their institutions' approvals and of opt-outs, unasked or in an answer.

It is signed by the site's key. It can only narrow what the two signers on the platform have allowed, never widen it.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any

from core import jobs
from core.context import governed
from federation import consents, mailbox, training
from federation.models import Consent, Participant, Reconsideration, SiteOrder, TrainingRun

logger = logging.getLogger(__name__)
State, Decision, Capacity = TrainingRun.State, Consent.Decision, Consent.Capacity
NOT_APPROVED = "NotApproved: "  # how an answer begins that says no for the institution
_DECISIONS = {"approved": Decision.GIVEN, "withdrawn": Decision.WITHDRAWN}
_KEPT = ("until", "code_version", "at")


def proposal_send(run: TrainingRun) -> None:
    """Send the frozen configuration to the sites, in the caller's transaction: they read it from their own disks."""
    for participant in training.participants_of(run):
        mailbox.order_create(
            participant=participant, kind="propose", key=f"{run.id}:propose", subject=run.id,
            body={"config": run.config, "config_hash": run.config_hash}, attachments={},
        )  # fmt: skip


def proposal_answered(payload: dict) -> jobs.Effects | None:
    """A site has the configuration; if its institution approved the very same one before, that holds for this run."""
    order = SiteOrder.objects.select_related("participant__institution").get(id=payload["order"])
    said = (order.answer or {}).get("approval")
    if order.state != SiteOrder.State.ANSWERED or not isinstance(said, dict):
        return None
    run = TrainingRun.objects.get(id=order.subject)
    return lambda: _record(run, order.participant, said)


def approval_told(payload: dict) -> jobs.Effects:
    """Somebody approved a configuration at the site, or withdrew it there: all its runs are concerned."""

    def effects() -> None:
        participant, runs = _concerned(payload)
        for run in runs:
            _record(run, participant, payload)

    return effects


def opt_out_told(payload: dict) -> jobs.Effects:
    """A patient whom a run has learned from has opted out. The site says which run, not who and not how many."""

    def effects() -> None:
        participant, runs = _concerned(payload)
        for found in runs:
            with governed(action="opt_out.receive", reason=f"signed by {participant.site}"):
                run = training.lock_run(found.id)
                if run.state not in {State.RUNNING, State.PAUSED, State.FINISHED}:
                    continue
                if consents.reconsider(run, participant, Reconsideration.Cause.OPT_OUT, None):
                    words = f"A patient of {participant.institution} opted out; what was learned before stays"
                    training.show(run, "opt_out", words, site=participant.site)

    return effects


def opt_outs_shown(payload: dict) -> jobs.Effects | None:
    """An update was made without patients who opted out after the consent: the run's page says so."""
    order = SiteOrder.objects.select_related("participant__institution").get(id=payload["order"])
    since = (order.answer or {}).get("opted_out_since")
    if order.state != SiteOrder.State.ANSWERED or not since:
        return None
    run = TrainingRun.objects.get(id=order.body["run"])
    words = f"{order.participant} left out patients who opted out after the consent: {str(since)[:40]}"
    return lambda: training.show(run, "opt_out", words, site=order.participant.site)


def refused_at_site(run: TrainingRun, order: SiteOrder) -> bool:
    """Whether an order failed because the institution did not sign it at its site; the run then goes on without it."""
    if not order.error.startswith(NOT_APPROVED):
        return False
    said = {"decision": "refused", "reason": order.error.removeprefix(NOT_APPROVED)[:2000]}
    _record(run, order.participant, said)
    return True


def _concerned(payload: dict) -> tuple[Participant, list[TrainingRun]]:
    participant = Participant.objects.select_related("institution").get(id=payload["participant"])
    runs = participant.federation.runs.filter(config_hash=payload["config_hash"])
    return participant, list(runs.exclude(state__in=[State.ABORTED, State.FAILED]))


def _record(found: TrainingRun, participant: Participant, said: Mapping[str, Any]) -> None:
    """Enter what the site said as an answer of its own, once, and let it have its effect."""
    decision = Decision.REFUSED if said["decision"] == "refused" else _DECISIONS.get(said["decision"])
    if decision is None:
        logger.warning("%s said something of a run that is not understood", participant.site)
        return
    statement = {name: said[name] for name in _KEPT if isinstance(said.get(name), str)}
    reason = str(said.get("reason", ""))
    with governed(action=f"consent.{decision}", reason=f"signed by {participant.site}"):
        run = training.lock_run(found.id)
        before = consents.signed_by(run).get(participant.site, {})
        gone = consents.standing(run, before) in {Decision.REFUSED, Decision.WITHDRAWN}
        if decision == Decision.GIVEN and gone and run.started_at is not None:
            return  # the run has gone on without the site, and its orders were taken back
        mine = before.get(Capacity.SITE)
        if mine is not None and (mine.decision, mine.statement) == (decision, statement):
            return
        Consent.objects.create(
            run=run, participant=participant, config_hash=run.config_hash, decision=decision, capacity=Capacity.SITE,
            reason=reason, statement=statement,
        )  # fmt: skip
        if decision == Decision.GIVEN or not gone:
            consents.follow(run, participant, decision, reason=reason, actor=None)
