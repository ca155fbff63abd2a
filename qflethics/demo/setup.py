"""Institutions, people and sites of a demonstration. Running it again finds what is there."""

from __future__ import annotations

import hashlib
import json
import os
import secrets
from dataclasses import asdict, dataclass
from datetime import timedelta
from functools import cache
from pathlib import Path

from django.conf import settings
from django.contrib.auth.hashers import check_password, make_password
from django.utils import timezone

from accounts.models import ApiKey, Institution, Membership, User
from core.context import governed
from core.roles import LABELS, Role
from federation import services
from federation.agreements import agreement_record
from federation.domain.data.registry import open_source
from federation.models import Federation, Participant
from federation.provisioning import site_provision

DOMAIN = "qfl-ethics.example"
NAMES = {
    "brats": "Brain tumours",
    "heart": "Heart disease",
    "lgg": "Lower-grade glioma",
    "mimic_cxr": "Chest radiographs",
    "phantom": "Brain phantoms",
}
PURPOSES = {
    "brats": "Outline brain tumours in four MRI sequences, to support the radiologist's measurement.",
    "heart": "Find coronary heart disease from routine examinations, to support the cardiologist's referral.",
    "lgg": "Outline the FLAIR abnormality of lower-grade gliomas in MRI, to support the radiologist's measurement.",
    "mimic_cxr": "Flag chest radiographs that show the chosen finding, to put them first on the radiologist's list.",
    "phantom": "Outline tumours in synthetic brain phantoms, to demonstrate the platform. No patient is involved.",
}


@dataclass(frozen=True)
class SignIn:
    role: str
    email: str
    institution: str


@dataclass(frozen=True)
class Demo:
    """What the scenario needs to act as each person."""

    federation: str
    data: str
    password: str
    api_key: str  # of the first site's clinical system
    sites: list[str]
    homes: dict[str, str]  # folder of each site, where its people approve runs
    people: dict[str, SignIn]  # key: role, officers and operators by site

    def save(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch(mode=0o600)
        path.write_text(json.dumps(asdict(self), indent=1))


def demo_setup(data: str) -> Demo:
    """Create (or find) the demonstration on a data set.

    Parameters
    ----------
    data : str
        A data spec, e.g. ``phantom``, ``heart:../shared/data/heart``.
    """
    source = open_source(data)
    started = timezone.now().isoformat()  # each start asks the sites anew what they hold
    path = Path(settings.VAR) / "demo" / "access.json"
    password = _password(path)
    administrator = _person("administrator", Role.ADMINISTRATOR, None, password)
    people = {
        "administrator": administrator,
        "deputy": _person("deputy", Role.ADMINISTRATOR, None, password),  # who asks does not approve
        "auditor": _person("auditor", Role.AUDITOR, None, password),
    }
    federation = Federation.objects.filter(name=NAMES[source.name]).first() or services.federation_create(
        name=NAMES[source.name],
        purpose=PURPOSES[source.name],
        data_title=source.title,
        task=source.task,
        synthetic=source.synthetic,
        actor=administrator,
    )
    sites = source.sites()
    for info in sites:
        with governed(action="institution.create", actor=administrator.id):
            institution, _ = Institution.objects.get_or_create(slug=info.code, defaults={"name": info.name})
        key = site_provision(folder=Path(settings.VAR) / "sites" / info.code, site=info.code, data=data,
                             federation_id=federation.id)  # fmt: skip
        participant = services.participant_add(
            federation=federation, institution=institution, site=info.code, public_key=key, actor=administrator
        )
        services.manifest_request(participant=participant, key=started)
        if not federation.synthetic and not participant.agreements.exists():
            _agreement(participant, administrator)
        people[f"officer.{info.code}"] = _person(f"officer.{info.code}", Role.ETHICS_OFFICER, institution, password)
        people[f"operator.{info.code}"] = _person(f"operator.{info.code}", Role.SITE_OPERATOR, institution, password)
    for info in sites[:2]:  # who approved it does not judge its return
        institution = Institution.objects.get(slug=info.code)
        people[f"reviewer.{info.code}"] = _person(f"reviewer.{info.code}", Role.ETHICS_OFFICER, institution, password)
    first = Institution.objects.get(slug=sites[0].code)
    people["clinician"] = _person(f"clinician.{first.slug}", Role.CLINICIAN, first, password)
    demo = Demo(
        federation=str(federation.id), data=data, password=password, api_key=_api_key(first, administrator),
        sites=[info.code for info in sites],
        homes={info.code: str(Path(settings.VAR) / "sites" / info.code) for info in sites},
        people={key: _sign_in(person) for key, person in people.items()},
    )  # fmt: skip
    demo.save(path)
    return demo


def _agreement(participant: Participant, actor: User) -> None:
    """Real data want an agreement; the demonstration's says what it is."""
    text = "Demonstration on published data. No institution has signed anything."
    agreement_record(
        participant=participant, role="joint_controller", liability=text, contact="nobody: a demonstration",
        signed_on=timezone.now().date(), document_hash=hashlib.sha256(text.encode()).hexdigest(), actor=actor,
    )  # fmt: skip


def _password(path: Path) -> str:
    """One password for all people of the demonstration, drawn at random on the first start and kept."""
    if given := os.environ.get("DEMO_PASSWORD"):
        return given
    if path.exists():
        return json.loads(path.read_text())["password"]
    return secrets.token_urlsafe(12)


# All people of a demonstration share one password: it is hashed once, and compared once, not for each of them.
_hashed = cache(make_password)
_hash_is_of = cache(check_password)


def _person(local_part: str, role: Role, institution: Institution | None, password: str) -> User:
    email = f"{local_part}@{DOMAIN}"
    with governed(action="user.create"):
        user = User.objects.filter(email=email).first()
        if user is None:
            where = f", {institution.name}" if institution else ""
            user = User.objects.create(email=email, password=_hashed(password), name=f"{LABELS[role]}{where}")
        elif not _hash_is_of(password, user.password):
            user.password = _hashed(password)
            user.save(update_fields=["password"])
        Membership.objects.get_or_create(user=user, institution=institution, role=role)
    return user


def _api_key(institution: Institution, actor: User) -> str:
    """A fresh key for each start; the earlier ones of the demonstration are revoked."""
    with governed(action="api_key.issue", actor=actor.id):
        ApiKey.objects.filter(institution=institution, name="Demonstration", revoked_at=None).update(
            revoked_at=timezone.now()
        )
        _, secret = ApiKey.issue(
            name="Demonstration", institution=institution, issued_by=actor,
            actions=["prediction.request", "event.record", "outcome.record"],
            expires_at=timezone.now() + timedelta(days=30),
        )  # fmt: skip
    return secret


def _sign_in(user: User) -> SignIn:
    return SignIn(user.role_label, user.email, str(user.institution or "the platform"))
