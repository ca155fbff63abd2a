"""Security keys and passkeys (WebAuthn): the challenge is the SHA-256 of the statement, so the assertion signs it."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from django.utils.translation import gettext as _
from fido2.server import Fido2Server
from fido2.utils import websafe_encode
from fido2.webauthn import (
    AttestedCredentialData,
    AuthenticationResponse,
    PublicKeyCredentialRpEntity,
    PublicKeyCredentialUserEntity,
    RegistrationResponse,
    ResidentKeyRequirement,
    UserVerificationRequirement,
)

from core.errors import ApplicationError
from models_registry.domain.statement import StatementError, challenge_of

if TYPE_CHECKING:
    from accounts.models import User
    from models_registry.models import ReviewerKey


@dataclass(frozen=True)
class Site:
    """Where an assertion must have been made: the domain that the credential belongs to, and the page's origin."""

    domain: str
    origin: str


def begin(user: User, known: Iterable[str], site: Site) -> tuple[dict[str, Any], dict[str, Any]]:
    """Options for `navigator.credentials.create`, and the state that `finish` needs."""
    person = PublicKeyCredentialUserEntity(name=str(user.id), id=user.id.bytes, display_name="QFL-ETHICS approvals")
    options: Any
    options, state = _server(site).register_begin(
        person,
        credentials=[_credential(key) for key in known],
        user_verification=UserVerificationRequirement.REQUIRED,
        resident_key_requirement=ResidentKeyRequirement.DISCOURAGED,
    )
    return dict(options)["publicKey"], state


def finish(state: dict[str, Any], credential: str, site: Site) -> str:
    """The credential's data in base64, once what the browser made fits the challenge.

    Raises
    ------
    ApplicationError
        If it does not.
    """
    try:
        response = RegistrationResponse.from_dict(json.loads(credential))
        made = _server(site).register_complete(state, response).credential_data
    except Exception as error:  # noqa: BLE001 - a browser's answer may be wrong in any way
        raise ApplicationError(
            _("The security key was not registered: %(error)s.") % {"error": error or type(error).__name__}
        ) from None
    if made is None:
        raise ApplicationError("The security key was not registered: its answer holds no key.")
    return base64.b64encode(bytes(made)).decode()


def request_options(keys: Iterable[ReviewerKey], statement: str, site: Site) -> dict[str, Any]:
    """Options for `navigator.credentials.get`: the person signs exactly this statement."""
    allowed = [{"type": "public-key", "id": websafe_encode(_credential(key.public_key).credential_id)} for key in keys]
    return {
        "challenge": websafe_encode(challenge_of(statement)), "rpId": site.domain, "allowCredentials": allowed,
        "userVerification": "required", "timeout": 120_000,
    }  # fmt: skip


def verify(key: ReviewerKey, statement: str, assertion: str, site: Site | None) -> None:
    """Check that this credential signed this statement on this site, the person verified.

    Raises
    ------
    StatementError
        If it did not.
    """
    if site is None:
        raise StatementError("it is not known where the security key was used")
    state = {
        "challenge": websafe_encode(challenge_of(statement)), "user_verification": UserVerificationRequirement.REQUIRED,
    }  # fmt: skip
    try:
        response = AuthenticationResponse.from_dict(json.loads(assertion))
        _server(site).authenticate_complete(state, [_credential(key.public_key)], response)
    except Exception as error:  # noqa: BLE001 - a browser's answer may be wrong in any way
        words = str(error) or type(error).__name__
        raise StatementError(f"the security key's answer does not fit this statement ({words})") from None


def _credential(public_key: str) -> AttestedCredentialData:
    return AttestedCredentialData(base64.b64decode(public_key))


def _server(site: Site) -> Fido2Server:
    party = PublicKeyCredentialRpEntity(name="QFL-ETHICS", id=site.domain)
    return Fido2Server(party, verify_origin=lambda origin: origin == site.origin)
