"""The limits of the approved policy: a request from outside of them is refused, and counted by site and limit."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from django.db import transaction
from django.db.models import Sum
from django.utils import timezone
from django.utils.translation import gettext, gettext_noop

from audits.runtime.halting import deployment_prepare
from audits.runtime.models import DailyRollup, DeploymentCounter
from audits.runtime.records import BadRecords, PredictionIn, Refusals
from audits.runtime.rollups import rollups_add
from core.errors import Forbidden
from models_registry.models import Deployment
from models_registry.scope import USES

# Roll-ups of refused requests (site) and records: refused.site, .age, .device, .use, .restriction
REFUSED, RESTRICTION = "refused.", "restriction"
LIMITS = {"site": "Site", "age": "Age", "device": "Device", "use": "Use", RESTRICTION: "Restriction of processing"}


class OutOfScope(BadRecords):
    """Some records lie outside of what the deployment is approved for; none was predicted."""

    code = "out_of_scope"


class SiteOutOfScope(Forbidden):
    """The deployment is not approved for the caller's site."""

    code = "out_of_scope"


@dataclass(frozen=True)
class Refused:
    """How often a limit refused a site."""

    site: str
    limit: str
    count: int


def refuse_site(deployment: Deployment, site: str) -> None:
    """Refuse a site that the policy does not name, or (in-house devices) that did not train the version."""
    policy = deployment.policy
    if policy.get("regulatory") == "in_house" and site not in deployment.version.manifests:
        expected, why = (
            sorted(deployment.version.manifests),
            gettext_noop("an in-house device serves only the sites that trained it"),
        )
    else:
        expected, why = policy.get("sites") or [site], gettext_noop("the approval names its sites")
    if site in expected:
        return
    refusals_count(deployment, site, {"site": 1})
    raise SiteOutOfScope(
        gettext(
            "%(deployment)s is not approved for %(site)s: %(why)s. Expected a caller of %(expected)s; got one of "
            "%(site)s. Nothing was predicted."
        )
        % {"deployment": deployment, "site": site, "why": gettext(why), "expected": ", ".join(expected)},
        limit="site",
        expected=expected,
        got=site,
    )


def refuse_records(deployment: Deployment, site: str, records: Sequence[PredictionIn]) -> None:
    """Refuse records outside of the policy's ages, devices and uses, naming what was expected and what came."""
    policy, refusals, counted = deployment.policy, Refusals(), Counter[str]()
    age, devices, status = policy.get("age"), policy.get("devices"), policy.get("regulatory")
    for index, record in enumerate(records):
        found = {}
        if age and (record.age is None or not age[0] <= record.age < age[1] + 1):  # who is 65 stays so until 66
            found["age"] = f"this deployment is approved for ages {age[0]} to {age[1]} years, got {_got(record.age)}"
        if devices and record.device not in devices:
            found["device"] = f"this deployment is approved for {', '.join(devices)}, got {_got(record.device)}"
        if status and record.use not in USES[status]:
            words = " or ".join(USES[status])
            found["use"] = f"the status {status!r} of this deployment allows use for {words}, got {_got(record.use)}"
        for name, told in found.items():
            refusals.add(index, name, told, record.event_key)
        counted.update(found.keys())
    if counted:
        refusals_count(deployment, site, counted)
    refusals.raise_if_any(OutOfScope)


def refused_of(deployment: Deployment) -> list[Refused]:
    rows = DailyRollup.objects.filter(deployment=deployment, metric__startswith=REFUSED).order_by("site", "metric")
    return [
        Refused(row["site"], LIMITS[row["metric"].removeprefix(REFUSED)], row["count"])
        for row in rows.values("site", "metric").annotate(count=Sum("n"))
    ]


def _got(value: object) -> str:
    return "none" if value is None else repr(value)[:80]


def refusals_count(deployment: Deployment, site: str, refused: Mapping[str, int]) -> None:
    """In a transaction of its own: the request fails, its refusal is counted all the same."""
    with transaction.atomic():
        counter = DeploymentCounter.objects.select_for_update().filter(deployment=deployment)
        if not counter.exists():
            deployment_prepare(deployment.id)
        counter.get()
        one = [{f"{REFUSED}{name}": 1.0} for name, n in refused.items() for _ in range(n)]
        rollups_add(deployment_id=deployment.id, at=timezone.now(), site=site, values=[({}, each) for each in one])
