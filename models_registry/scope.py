"""For whom a version is approved: sites, ages, devices and regulatory status. The gateway refuses what lies outside."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from django.utils.translation import gettext as _

from core.errors import ApplicationError
from models_registry.models import ApprovalRequest, Version

OLDEST = 130
MOST_DEVICES, MOST_CHARACTERS = 50, 80
REGULATORY = {  # status -> words
    "research": "Research only",
    "investigational": "Investigational, within an approved study",
    "in_house": "In-house device of the sites that trained it (MDR Art. 5(5))",
    "marked": "Marked or cleared medical device",
}
USES = {  # status -> what a request may be for
    "research": ("research",),
    "investigational": ("research", "study"),
    "in_house": ("research", "study", "care"),
    "marked": ("research", "study", "care"),
}


def _sites(version: Version, kind: str, value: Any) -> list[str]:
    known = set(version.model.federation.participants.filter(is_active=True).values_list("site", flat=True))
    if not _texts(value) or not set(value) <= known:
        raise ApplicationError(
            _("Policy sites: expected some of %(known)s; got %(value)s.")
            % {"known": ", ".join(sorted(known)), "value": f"{value!r}"}
        )
    return sorted(set(value))


def _age(version: Version, kind: str, value: Any) -> list[int]:
    whole = isinstance(value, list | tuple) and len(value) == 2 and all(type(year) is int for year in value)
    if not whole or not 0 <= value[0] <= value[1] <= OLDEST:
        raise ApplicationError(
            _(
                "Policy age: expected two whole years from 0 to %(oldest)s, the lower one first, both "
                "included; got %(value)s."
            )
            % {"oldest": OLDEST, "value": f"{value!r}"}
        )
    return list(value)


def _devices(version: Version, kind: str, value: Any) -> list[str]:
    fits = _texts(value) and len(value) <= MOST_DEVICES
    if not fits or not all(name.strip() and len(name) <= MOST_CHARACTERS and name.isprintable() for name in value):
        raise ApplicationError(
            _(
                "Policy devices: expected 1 to %(most_devices)s names of at most %(most_characters)s "
                "characters, as requests name them; got %(value)s."
            )
            % {"most_devices": MOST_DEVICES, "most_characters": MOST_CHARACTERS, "value": f"{str(value)[:200]!r}"}
        )
    return sorted({name.strip() for name in value})


def _regulatory(version: Version, kind: str, value: Any) -> str:
    if value not in tuple(REGULATORY):
        raise ApplicationError(
            _("Policy regulatory: expected one of %(regulatory)s; got %(value)s.")
            % {"regulatory": ", ".join(REGULATORY), "value": f"{value!r}"}
        )
    if value == "research" and kind == ApprovalRequest.Kind.CLINICAL:
        raise ApplicationError(
            "Policy regulatory: what is for research only is not used on patients. Request a shadow deployment, or "
            "name the status under which clinical use is lawful."
        )
    return str(value)


def _texts(value: Any) -> bool:
    return isinstance(value, list | tuple) and bool(value) and all(isinstance(item, str) for item in value)


SCOPE: dict[str, Callable[[Version, str, Any], Any]] = {
    "sites": _sites, "age": _age, "devices": _devices, "regulatory": _regulatory,
}  # fmt: skip


def scope_words(policy: Mapping[str, Any]) -> list[tuple[str, str]]:
    """What a policy limits, as terms and values; what it does not limit is said too."""
    age, status = policy.get("age"), policy.get("regulatory")
    return [
        ("Sites", ", ".join(policy.get("sites") or []) or _("every site of the federation")),
        (
            "Age of the patient",
            _("%(low)s to %(high)s years") % {"low": age[0], "high": age[1]} if age else _("not limited"),
        ),
        ("Scanner or device", ", ".join(policy.get("devices") or []) or _("not limited")),
        ("Regulatory status", _(REGULATORY.get(status or "", "not stated, so the use is not asked for"))),
    ]
