"""From what the sites answered to the row of one check: read with suspicion, counted, and concluded."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from audits.predeployment import deadlines, facts
from audits.predeployment.checks.base import AnswerError, Check, Gathered
from audits.predeployment.checks.not_installed import NotInstalled, check_or_stand_in
from audits.predeployment.checks.running import conclude, read_answer
from audits.predeployment.models import AuditRun
from audits.predeployment.policy import settings_in
from audits.predeployment.results import result_row
from federation.domain.data.dataset import part_sizes
from federation.models import DataManifest, SiteOrder
from models_registry.models import Version

KIND = "audit"
ENDED = (SiteOrder.State.ANSWERED, SiteOrder.State.FAILED)
LONGEST_SECONDS = 10**7  # what a site may say that one order took


@dataclass
class _Heard:
    """What the sites said to one measurement, each mapping by site."""

    read: dict[str, list[Any]] = field(default_factory=dict)
    absent: dict[str, str] = field(default_factory=dict)  # measured nothing, and said why
    refused: dict[str, str] = field(default_factory=dict)  # failed, silent, or not to be believed
    counted: dict[str, int] = field(default_factory=dict)
    cost: dict[str, float] = field(default_factory=dict)  # seconds
    answers: dict[str, str] = field(default_factory=dict)  # digests of the signed answers


def row_of(audit: AuditRun, check_id: str) -> dict[str, Any]:
    """The columns of the check's result."""
    started = time.perf_counter()
    check = check_or_stand_in(check_id)
    source = check_or_stand_in(check.measured_by) if check.measured_by else check
    if isinstance(source, NotInstalled) and source is not check:
        return row_of_failure(audit, check_id, f"{source.id}, from which it concludes, is not installed any more")
    brought = _patients(audit.version)
    heard = _heard(audit, source, brought) if check.at_sites else _Heard()
    known = facts.collect(check.facts, audit)
    tested = {site: part_sizes(n)[2] for site, n in brought.items()}
    gathered = Gathered(
        audit.version.config["task"], settings_in(audit.policy, check_id), audit.policy["seed"],
        {site: tuple(values) for site, values in heard.read.items()}, heard.absent, known, audit.version.config,
        tested,
    )  # fmt: skip
    found = conclude(check, gathered, heard.refused)
    patients = {site: heard.counted.get(site, tested.get(site, 0)) for site in heard.read}
    row = result_row(audit, check_id, found, heard.answers, patients, config=audit.version.config)
    return row | {"seconds": heard.cost | {"platform": round(time.perf_counter() - started, 3)}}


def row_of_failure(audit: AuditRun, check_id: str, reason: str) -> dict[str, Any]:
    """The columns of a check that the platform itself could not conclude."""
    nothing = Gathered(audit.version.config["task"], {}, audit.policy["seed"])
    found = conclude(check_or_stand_in(check_id), nothing, {"the platform": reason})
    return result_row(audit, check_id, found, {}, config=audit.version.config)


def _heard(audit: AuditRun, source: Check, brought: Mapping[str, int]) -> _Heard:
    heard, asked = _Heard(), settings_in(audit.policy, source.id)
    orders = SiteOrder.objects.filter(subject=audit.id, kind=KIND, body__check=source.id, state__in=ENDED)
    ended = list(orders.select_related("participant").order_by("participant__site", "body__shard"))
    for order in ended:
        _hear(heard, source, order, asked)
    for site, count in heard.counted.items():
        if count == 0:  # an answer about nobody is no answer
            heard.absent[site] = "it counted no patient"
            del heard.read[site]
        if count > brought.get(site, 0):
            heard.refused[site] = f"it counts {count} patients, and its manifest has {brought.get(site, 0)}"
    for site, reason in deadlines.silent_sites(audit).items():  # was not even asked: that is no consent to a pass
        if site not in {order.participant.site for order in ended}:
            heard.refused[site] = reason
    return heard


def _hear(heard: _Heard, source: Check, order: SiteOrder, asked: Mapping[str, Any]) -> None:
    """Take one order's answer apart."""
    site = order.participant.site
    if order.answer_digest:  # where nobody answered there is none
        heard.answers[f"{site}/{source.id}/{order.body['shard']}"] = order.answer_digest
    if order.state == SiteOrder.State.FAILED:
        heard.refused[site] = order.error
        return
    heard.cost[site] = round(heard.cost.get(site, 0.0) + _seconds(order.answer), 3)
    try:
        value, reason = read_answer(source, site, order.answer, asked)
    except AnswerError as error:
        heard.refused[site] = str(error)
        return
    if reason:
        heard.absent[site] = reason
        return
    heard.read.setdefault(site, []).append(value)
    if (count := source.counted(value)) is not None:
        heard.counted[site] = heard.counted.get(site, 0) + count


def _patients(version: Version) -> dict[str, int]:
    """How many patients each site's manifest has: what the site consented with, before anybody knew a verdict."""
    manifests = DataManifest.objects.filter(
        participant__federation=version.model.federation_id, digest__in=version.manifests.values()
    )
    brought = {row.digest: row.content["n_patients"] for row in manifests}
    return {site: brought[given] for site, given in version.manifests.items() if given in brought}


def _seconds(answer: Any) -> float:
    """What a site says that it took; anything that is no such time counts as none."""
    said = answer.get("seconds") if isinstance(answer, Mapping) else None
    return float(said) if isinstance(said, int | float) and 0 <= said <= LONGEST_SECONDS else 0.0
