"""SAML 2.0, as python3-saml has it, held stricter: what we ask of a provider, and what of its answer is believed.

The answer comes as a form from another site, so without the session that asked. It is read and checked here, and only
what it says of the person goes on, in a cookie that we sign (`accounts.saml_views`).
"""

from __future__ import annotations

import base64
import hashlib
import secrets
import zlib
from dataclasses import asdict, dataclass
from typing import Any
from urllib.parse import urlencode
from xml.etree import ElementTree  # only written with; what is read is read by python3-saml

from django.core.cache import cache
from django.http import HttpRequest
from django.urls import reverse
from django.utils import timezone
from onelogin.saml2.constants import OneLogin_Saml2_Constants as Names
from onelogin.saml2.errors import OneLogin_Saml2_Error as Fault
from onelogin.saml2.errors import OneLogin_Saml2_ValidationError as Invalid
from onelogin.saml2.response import OneLogin_Saml2_Response
from onelogin.saml2.settings import OneLogin_Saml2_Settings
from onelogin.saml2.utils import OneLogin_Saml2_Utils
from onelogin.saml2.xml_utils import OneLogin_Saml2_XML

from accounts.models import IdentityProvider
from accounts.saml_metadata import bare, certificates_in
from core.errors import ApplicationError

MOST_BYTES = 256 * 1024  # of an answer, in base64
GOOD_FOR = 600  # seconds from an assertion's issue; asking is remembered as long
DRIFT = Names.ALLOWED_CLOCK_DRIFT  # seconds that a provider's clock may be off
SIGNATURES = {
    f"http://www.w3.org/2001/04/xmldsig-more#{kind}-sha{bits}" for kind in ("rsa", "ecdsa") for bits in (256, 384, 512)
}
DIGESTS = {Names.SHA256, Names.SHA384, Names.SHA512}
EXCLUSIVE = "http://www.w3.org/2001/10/xml-exc-c14n#"
TRANSFORMS = {"http://www.w3.org/2000/09/xmldsig#enveloped-signature", EXCLUSIVE}
SUBJECTS = ("urn:oasis:names:tc:SAML:attribute:pairwise-id", "urn:oasis:names:tc:SAML:attribute:subject-id")
# A name that is somebody else's tomorrow opens no account: neither one of the moment, nor an address.
PASSING = {Names.NAMEID_TRANSIENT, Names.NAMEID_EMAIL_ADDRESS}
_REASONS = {
    Invalid.NO_SIGNED_ASSERTION: "its assertion is not signed",
    Invalid.INVALID_SIGNATURE: "it is not signed with a key that the institution has given us",
    Invalid.DEPRECATED_SIGNATURE_METHOD: "it is signed with SHA-1, which can be forged",
    Invalid.DEPRECATED_DIGEST_METHOD: "it is signed with SHA-1, which can be forged",
    Invalid.ASSERTION_EXPIRED: "it has expired, or the clocks differ",
    Invalid.ASSERTION_TOO_EARLY: "it is not valid yet: the clocks differ",
    Invalid.SESSION_EXPIRED: "it has expired, or the clocks differ",
    Invalid.WRONG_SUBJECTCONFIRMATION: "it is for another address than this one, or has expired",
    Invalid.WRONG_AUDIENCE: "it is meant for another service",
    Invalid.WRONG_DESTINATION: "it is meant for another address than this one",
    Invalid.WRONG_ISSUER: "it is of another provider",
    Invalid.WRONG_NUMBER_OF_ASSERTIONS: "it does not hold exactly one assertion",
    Invalid.STATUS_CODE_IS_NOT_SUCCESS: "it says that nobody was signed in there",
}
_MALFORMED = "it is not what SAML wants it to be"
_ENCRYPTED = "it is encrypted; have the provider sign its assertions and not encrypt them"


class Refused(ApplicationError):
    """An answer that signs nobody in."""


@dataclass(frozen=True)
class Told:
    """What a checked answer says: who, in answer to which question, how they signed in, at which address."""

    uid: str
    asked: str
    acr: str
    email: str

    def as_dict(self) -> dict[str, str]:
        return asdict(self)


# --- what we are, and what we ask ----------------------------------------------------------------------------------


def entity_of(request: HttpRequest, row: IdentityProvider) -> str:
    """What the platform calls itself before this provider: the address of its metadata."""
    return request.build_absolute_uri(reverse("saml_metadata", args=[row.slug]))


def back_of(request: HttpRequest, row: IdentityProvider) -> str:
    """Where the provider's answer goes."""
    return request.build_absolute_uri(reverse("saml_back", args=[row.slug]))


def question(request: HttpRequest, row: IdentityProvider) -> tuple[str, str]:
    """The address to send the browser to, and the number that the answer must name.

    Whoever is signed in here is asked to sign in there anew: they are to prove that it is them. Where to go on from
    here stands in the session, so there is no RelayState, and none that comes back is read.
    """
    number = f"_{secrets.token_hex(20)}"
    asked = ElementTree.Element(f"{{{Names.NS_SAMLP}}}AuthnRequest", {
        "ID": number, "Version": "2.0", "IssueInstant": f"{timezone.now():%Y-%m-%dT%H:%M:%SZ}",
        "Destination": row.sso_url, "ProtocolBinding": Names.BINDING_HTTP_POST,
        "AssertionConsumerServiceURL": back_of(request, row),
        **({"ForceAuthn": "true"} if request.user.is_authenticated else {}),
    })  # fmt: skip
    ElementTree.SubElement(asked, f"{{{Names.NS_SAML}}}Issuer").text = entity_of(request, row)
    policy = {"Format": Names.NAMEID_PERSISTENT, "AllowCreate": "true"}
    ElementTree.SubElement(asked, f"{{{Names.NS_SAMLP}}}NameIDPolicy", policy)
    packed = zlib.compress(ElementTree.tostring(asked), wbits=-15)  # raw deflate, as the binding wants it
    query = urlencode({"SAMLRequest": base64.b64encode(packed).decode()})
    return f"{row.sso_url}{'&' if '?' in row.sso_url else '?'}{query}", number


def _settings(request: HttpRequest, row: IdentityProvider) -> OneLogin_Saml2_Settings:
    return OneLogin_Saml2_Settings({
        "strict": True,
        "sp": {
            "entityId": entity_of(request, row), "NameIDFormat": Names.NAMEID_PERSISTENT,
            "assertionConsumerService": {"url": back_of(request, row), "binding": Names.BINDING_HTTP_POST},
        },
        "idp": {
            "entityId": row.issuer, "singleSignOnService": {"url": row.sso_url, "binding": Names.BINDING_HTTP_REDIRECT},
            "x509certMulti": {"signing": [bare(one) for one in certificates_in(row.certificates)]},
        },
        "security": {
            "wantAssertionsSigned": True, "wantAttributeStatement": False, "requestedAuthnContext": False,
            "rejectDeprecatedAlgorithm": True, "allowRepeatAttributeName": True, "wantNameId": False,
            "allowSingleLabelDomains": True,
        },
    })  # fmt: skip


def _told_of(request: HttpRequest) -> dict[str, Any]:
    return {
        "https": "on" if request.is_secure() else "off", "http_host": request.get_host(),
        "script_name": request.path, "get_data": {}, "post_data": {},
    }  # fmt: skip


# --- what is believed of an answer ---------------------------------------------------------------------------------


def read(request: HttpRequest, row: IdentityProvider) -> Told:
    """Check a provider's answer, and give what it says. No answer is believed twice.

    Raises
    ------
    Refused
        If anything of it is not as it must be; the message says what.
    """
    given = request.POST.get("SAMLResponse", "")
    try:
        if not 0 < len(given) <= MOST_BYTES:
            raise Refused(f"it is empty, or larger than {MOST_BYTES // 1024} kB")
        response = OneLogin_Saml2_Response(_settings(request, row), given)
        response.is_valid(_told_of(request), raise_exceptions=True)
        _check_stricter(response, entity_of(request, row), back_of(request, row))
        told = _said(response, row)
    except Refused:
        raise
    except Invalid as error:
        raise Refused(_REASONS.get(error.code, _MALFORMED)) from error
    except Exception as error:  # noqa: BLE001 - an answer of a stranger may be wrong in any way
        encrypted = getattr(error, "code", None) == Fault.PRIVATE_KEY_NOT_FOUND
        raise Refused(_ENCRYPTED if encrypted else _MALFORMED) from error
    seen = hashlib.sha256(f"{row.slug} {response.get_assertion_id()}".encode()).hexdigest()
    if not cache.add(f"accounts.saml.{seen}", True, GOOD_FOR + 2 * DRIFT):
        raise Refused("it was used before")
    return told


def _check_stricter(response: OneLogin_Saml2_Response, entity: str, back: str) -> None:
    """What python3-saml leaves open: it accepts an absent audience, recipient or end, and any strong-looking method."""
    document, now = response.document, timezone.now().timestamp()
    (assertion,) = _found(document, "//saml:Assertion")
    if assertion.getparent() is not document:
        raise Refused(_MALFORMED)
    for signature in _found(document, "//ds:Signature"):
        _check_signature(signature)
    if len(identifiers := [node.get("ID") for node in _found(document, "//*[@ID]")]) != len(set(identifiers)):
        raise Refused(_MALFORMED)
    if document.get("Destination", back) != back:
        raise Refused(_REASONS[Invalid.WRONG_DESTINATION])
    restrictions = _found(assertion, "./saml:Conditions/saml:AudienceRestriction")
    if not restrictions or any(entity not in _texts(one, "./saml:Audience") for one in restrictions):
        raise Refused(_REASONS[Invalid.WRONG_AUDIENCE])
    issued = OneLogin_Saml2_Utils.parse_SAML_to_time(assertion.get("IssueInstant"))
    if not now - GOOD_FOR - DRIFT < issued < now + DRIFT:
        raise Refused(_REASONS[Invalid.ASSERTION_EXPIRED])
    if not (asked := response.get_in_response_to()):
        raise Refused("we had not asked for it; begin here, at our sign-in")
    if not any(_confirms(data, asked, back, now) for data in _found(assertion, _CONFIRMATION)):
        raise Refused(_REASONS[Invalid.WRONG_SUBJECTCONFIRMATION])


_CONFIRMATION = f"./saml:Subject/saml:SubjectConfirmation[@Method='{Names.CM_BEARER}']/saml:SubjectConfirmationData"


def _confirms(data: Any, asked: str, back: str, now: float) -> bool:
    ends = data.get("NotOnOrAfter")
    return (
        data.get("Recipient") == back and data.get("InResponseTo") == asked and data.get("NotBefore") is None
        and ends is not None and now < OneLogin_Saml2_Utils.parse_SAML_to_time(ends)
    )  # fmt: skip


def _check_signature(signature: Any) -> None:
    """One reference, to the element that the signature stands in, by methods that are on our list."""
    (reference,) = _found(signature, "./ds:SignedInfo/ds:Reference")
    used = {
        "method": (_methods(signature, "./ds:SignedInfo/ds:SignatureMethod"), SIGNATURES),
        "digest": (_methods(reference, "./ds:DigestMethod"), DIGESTS),
        "transforms": (_methods(reference, "./ds:Transforms/ds:Transform"), TRANSFORMS),
        "spelling": (_methods(signature, "./ds:SignedInfo/ds:CanonicalizationMethod"), {EXCLUSIVE}),
    }
    for what, (found, allowed) in used.items():
        if not found or not found <= allowed:
            raise Refused(f"its signature is made in a way that we do not accept ({what}: {', '.join(found)[:120]})")
    if reference.get("URI") != f"#{signature.getparent().get('ID')}":
        raise Refused(_MALFORMED)


def _said(response: OneLogin_Saml2_Response, row: IdentityProvider) -> Told:
    attributes, name = response.get_attributes(), response.get_nameid_data()
    lasting = next((f"{key}={value}" for key in SUBJECTS for value in attributes.get(key, [])[:1]), None)
    if lasting is None and name.get("Value") and name.get("Format") not in PASSING:
        lasting = name["Value"]
    if lasting is None:
        raise Refused("it names nobody for good; have the provider send a persistent NameID, or pairwise-id")
    emails = attributes.get(row.email_attribute, []) if row.email_attribute else []
    contexts = response.get_authn_contexts() or [""]
    told = Told(lasting, response.get_in_response_to(), contexts[0] or "", emails[0] if len(emails) == 1 else "")
    if not all(isinstance(text, str) for text in told.as_dict().values()) or len(told.uid) > 190:
        raise Refused(_MALFORMED)
    if max(len(told.acr), len(told.asked), len(told.email)) > 254:
        raise Refused(_MALFORMED)
    return told


def _found(node: Any, path: str) -> list[Any]:
    return OneLogin_Saml2_XML.query(node, path)


def _texts(node: Any, path: str) -> list[str]:
    return [(OneLogin_Saml2_XML.element_text(found) or "").strip() for found in _found(node, path)]


def _methods(node: Any, path: str) -> set[str]:
    return {str(found.get("Algorithm")) for found in _found(node, path)}
