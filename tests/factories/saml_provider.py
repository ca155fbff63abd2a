"""A SAML 2.0 provider of a hospital on loopback, and what an attacker makes of its answers.

It publishes its metadata, takes the platform's question by HTTP-Redirect (and refuses one that is malformed or from
somebody else), and answers with the form that a browser posts: an assertion signed by xmlsec, as hospitals' providers
do. Whoever is sent to it is signed in at once, as the person that the test has put before the screen.
"""

from __future__ import annotations

import base64
import datetime as dt
import re
import secrets
import threading
import zlib
from collections.abc import Callable
from copy import deepcopy
from dataclasses import dataclass, field
from typing import Any

import xmlsec
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import NameOID
from flask import Flask, Response, request
from lxml import etree
from werkzeug.serving import make_server

SAML, SAMLP = "urn:oasis:names:tc:SAML:2.0:assertion", "urn:oasis:names:tc:SAML:2.0:protocol"
DS, MAIL = "http://www.w3.org/2000/09/xmldsig#", "urn:oid:0.9.2342.19200300.100.1.3"
PERSISTENT = "urn:oasis:names:tc:SAML:2.0:nameid-format:persistent"
_NS = {"saml": SAML, "samlp": SAMLP, "ds": DS}
Change = Callable[[etree._Element], "etree._Element | bytes"]


def make_pair(name: str = "login.north.example", *, days: int = 30, bits: int = 2048) -> tuple[bytes, str]:
    """A private key and a certificate of it, both PEM."""
    key, now = rsa.generate_private_key(65537, bits), dt.datetime.now(dt.UTC)
    called = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    made = x509.CertificateBuilder(called, called, key.public_key(), x509.random_serial_number())
    made = made.not_valid_before(now - dt.timedelta(days=60)).not_valid_after(now + dt.timedelta(days=days))
    plain = serialization.NoEncryption()
    private = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, plain)
    return private, made.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM).decode()


@dataclass
class Answer:
    """An answer as the hospital means it; a test changes a field, and it is signed as it then stands."""

    recipient: str
    audience: str | None
    in_response_to: str | None
    issuer: str
    name_id: str = "n-4711"
    name_format: str | None = PERSISTENT
    attributes: dict[str, str] = field(default_factory=dict)
    acr: str = "urn:oasis:names:tc:SAML:2.0:ac:classes:PasswordProtectedTransport"
    destination: str | None = None
    confirmed_for: str | None = "="  # the recipient, unless changed
    issued: int = 0  # seconds from now
    ends: int = 300
    status: str = "urn:oasis:names:tc:SAML:2.0:status:Success"
    sign: str = "assertion"  # or "message", "both", "nothing"
    method: Any = xmlsec.Transform.RSA_SHA256
    digest: Any = xmlsec.Transform.SHA256
    times: int = 1  # how many assertions
    change: Change = lambda tree: tree  # what somebody on the way makes of it

    def xml(self, key: bytes) -> bytes:
        response = etree.Element(f"{{{SAMLP}}}Response", nsmap={"samlp": SAMLP, "saml": SAML})
        told = {"ID": _number(), "Version": "2.0", "IssueInstant": _at(self.issued)}
        told |= {"Destination": self.destination or self.recipient}
        told |= {"InResponseTo": self.in_response_to} if self.in_response_to else {}
        _set(response, told)
        _add(response, "Issuer", self.issuer)
        status = etree.SubElement(response, f"{{{SAMLP}}}Status")
        etree.SubElement(status, f"{{{SAMLP}}}StatusCode", Value=self.status)
        for _ in range(self.times):
            response.append(self._assertion())
        if self.sign in {"assertion", "both"}:
            for one in response.findall(f"{{{SAML}}}Assertion"):
                self._sign(one, key)
        if self.sign in {"message", "both"}:
            self._sign(response, key)
        changed = self.change(response)
        return changed if isinstance(changed, bytes) else etree.tostring(changed)

    def _assertion(self) -> etree._Element:
        made = etree.Element(f"{{{SAML}}}Assertion", nsmap={"saml": SAML})
        _set(made, {"ID": _number(), "Version": "2.0", "IssueInstant": _at(self.issued)})
        _add(made, "Issuer", self.issuer)
        subject = _add(made, "Subject")
        name = _add(subject, "NameID", self.name_id)
        _set(name, {"Format": self.name_format} if self.name_format else {})
        confirmation = _add(subject, "SubjectConfirmation")
        confirmation.set("Method", "urn:oasis:names:tc:SAML:2.0:cm:bearer")
        data = _add(confirmation, "SubjectConfirmationData")
        data.set("NotOnOrAfter", _at(self.ends))
        if self.in_response_to:
            data.set("InResponseTo", self.in_response_to)
        if self.confirmed_for:
            data.set("Recipient", self.recipient if self.confirmed_for == "=" else self.confirmed_for)
        conditions = _add(made, "Conditions")
        _set(conditions, {"NotBefore": _at(self.issued - 60), "NotOnOrAfter": _at(self.ends)})
        if self.audience:
            _add(_add(conditions, "AudienceRestriction"), "Audience", self.audience)
        statement = _add(made, "AuthnStatement")
        statement.set("AuthnInstant", _at(self.issued))
        _add(_add(statement, "AuthnContext"), "AuthnContextClassRef", self.acr)
        if self.attributes:
            holder = _add(made, "AttributeStatement")
            for called, value in self.attributes.items():
                attribute = _add(holder, "Attribute")
                attribute.set("Name", called)
                _add(attribute, "AttributeValue", value)
        return made

    def _sign(self, element: etree._Element, key: bytes) -> None:
        signature = xmlsec.template.create(element, xmlsec.Transform.EXCL_C14N, self.method, ns="ds")
        element.insert(1, signature)  # after the issuer, as the schema wants it
        reference = xmlsec.template.add_reference(signature, self.digest, uri=f"#{element.get('ID')}")
        xmlsec.template.add_transform(reference, xmlsec.Transform.ENVELOPED)
        xmlsec.template.add_transform(reference, xmlsec.Transform.EXCL_C14N)
        xmlsec.tree.add_ids(element, ["ID"])
        context = xmlsec.SignatureContext()
        if self.method == xmlsec.Transform.HMAC_SHA256:
            context.key = xmlsec.Key.from_binary_data(xmlsec.constants.KeyDataHmac, key)
        else:
            context.key = xmlsec.Key.from_memory(key, xmlsec.constants.KeyDataFormatPem, None)
        context.sign(signature)


class SamlHospital:
    """The provider, served on loopback by a thread of its own."""

    def __init__(self) -> None:
        self.key, self.certificate = make_pair()
        self.person: dict[str, Any] = {}
        self.faults: dict[str, Any] = {}
        self.asked: etree._Element | None = None
        app = Flask(__name__)
        app.add_url_rule("/metadata", view_func=self._metadata)
        app.add_url_rule("/sso", view_func=self._sso)
        self._server = make_server("127.0.0.1", 0, app, threaded=True)
        self.address = f"http://127.0.0.1:{self._server.port}"
        self.entity = f"{self.address}/metadata"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def stop(self) -> None:
        self._server.shutdown()

    def metadata(self) -> str:
        bare = "".join(self.certificate.split("\n")[1:-2])
        return (
            f'<md:EntityDescriptor xmlns:md="urn:oasis:names:tc:SAML:2.0:metadata" entityID="{self.entity}">'
            f'<md:IDPSSODescriptor protocolSupportEnumeration="{SAMLP}"><md:KeyDescriptor use="signing">'
            f'<ds:KeyInfo xmlns:ds="{DS}"><ds:X509Data><ds:X509Certificate>{bare}</ds:X509Certificate></ds:X509Data>'
            "</ds:KeyInfo></md:KeyDescriptor><md:SingleSignOnService "
            f'Binding="urn:oasis:names:tc:SAML:2.0:bindings:HTTP-Redirect" Location="{self.address}/sso"/>'
            "</md:IDPSSODescriptor></md:EntityDescriptor>"
        )

    def _metadata(self) -> Response:
        return Response(self.metadata(), mimetype="application/samlmetadata+xml")

    def _sso(self) -> Response:
        packed = base64.b64decode(request.args["SAMLRequest"])
        asked = etree.fromstring(zlib.decompress(packed, wbits=-15))
        back = asked.get("AssertionConsumerServiceURL", "")
        entity = asked.findtext(f"{{{SAML}}}Issuer") or ""
        if asked.tag != f"{{{SAMLP}}}AuthnRequest" or asked.get("Destination") != f"{self.address}/sso":
            return Response("that is no question to me", 400)
        if back != entity.replace("/metadata/", "/back/"):
            return Response("I know no such service", 400)
        self.asked = asked
        told: dict[str, Any] = {
            "recipient": back, "audience": entity, "in_response_to": asked.get("ID"), "issuer": self.entity,
        } | self.person | self.faults  # fmt: skip
        key = told.pop("key", self.key)
        answer = base64.b64encode(Answer(**told).xml(key)).decode()
        return Response(f'<form method="post" action="{back}"><input name="SAMLResponse" value="{answer}"></form>')


def posted(page: str) -> tuple[str, str]:
    """Where a browser posts the form of the provider's page, and the answer in it."""
    action, value = re.search(r'action="([^"]*)"', page), re.search(r'name="SAMLResponse" value="([^"]*)"', page)
    assert action and value, page
    return action[1], value[1]


def wrapped(kind: int, name: str) -> Change:
    """The eight signature wrapping attacks of Somorovsky and others (2012), each to sign in as `name`.

    The signed element is kept somewhere, so that the signature holds; the one that is read is forged.
    """

    def change(response: etree._Element) -> etree._Element:
        if kind in {1, 2}:
            return _wrapped_message(response, name, inside=kind == 1)
        (signed,) = response.findall(f"{{{SAML}}}Assertion")
        forged = _forged(signed, name)
        signature = forged.find(f"{{{DS}}}Signature")
        assert signature is not None
        if kind in {3, 4, 7, 8}:
            forged.remove(signature)
        place = response.index(signed)
        if kind == 3:  # before the signed one
            response.insert(place, forged)
        elif kind == 4:  # around it
            response.replace(signed, forged)
            forged.append(signed)
        elif kind == 5:  # with the signature, and the signed one after it
            plain = deepcopy(signed)
            plain.remove(plain.find(f"{{{DS}}}Signature"))
            response.replace(signed, forged)
            response.append(plain)
        elif kind == 6:  # the signed one within the signature of the forged one
            plain = deepcopy(signed)
            plain.remove(plain.find(f"{{{DS}}}Signature"))
            response.replace(signed, forged)
            signature.append(plain)
        elif kind == 7:  # the forged one among the extensions
            extensions = etree.Element(f"{{{SAMLP}}}Extensions")
            extensions.append(forged)
            response.insert(1, extensions)
        elif kind == 8:  # the signed one as an object of a signature in the forged one
            held = signed.find(f"{{{DS}}}Signature")
            assert held is not None
            response.replace(signed, forged)
            kept = etree.SubElement(held, f"{{{DS}}}Object")
            signed.remove(held)
            kept.append(signed)
            forged.insert(1, held)
        return response

    return change


def _wrapped_message(response: etree._Element, name: str, *, inside: bool) -> etree._Element:
    """Of a signed message: it stands in (or before) the signature of a forged one."""
    forged = deepcopy(response)
    forged.set("ID", _number())
    for found in forged.iterfind(f".//{{{SAML}}}NameID"):
        found.text = name
    signature = forged.find(f"{{{DS}}}Signature")
    assert signature is not None
    plain = deepcopy(response)
    plain.remove(plain.find(f"{{{DS}}}Signature"))
    if inside:
        etree.SubElement(signature, f"{{{DS}}}Object").append(plain)
    else:
        signature.addprevious(plain)
    return forged


def _forged(signed: etree._Element, name: str) -> etree._Element:
    forged = deepcopy(signed)
    forged.set("ID", _number())
    for found in forged.iterfind(f".//{{{SAML}}}NameID"):
        found.text = name
    return forged


def _add(parent: etree._Element, name: str, text: str | None = None) -> etree._Element:
    made = etree.SubElement(parent, f"{{{SAML}}}{name}")
    made.text = text
    return made


def _set(element: etree._Element, attributes: dict[str, str]) -> None:
    for name, value in attributes.items():
        element.set(name, value)


def _number() -> str:
    return f"_{secrets.token_hex(16)}"


def _at(seconds: int) -> str:
    return f"{dt.datetime.now(dt.UTC) + dt.timedelta(seconds=seconds):%Y-%m-%dT%H:%M:%SZ}"
