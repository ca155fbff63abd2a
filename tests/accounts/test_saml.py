"""Sign-in by an institution's SAML provider: one on loopback that signs as hospitals' do, and attacks on it."""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import requests
import xmlsec
from django.contrib.sessions.models import Session
from django.test import Client
from django.urls import reverse
from lxml import etree
from onelogin.saml2.xml_utils import OneLogin_Saml2_XML

from accounts import invitations, providers
from accounts.models import IdentityProvider, ProviderLink, SignIn, User
from core.errors import ApplicationError, Conflict
from core.roles import Role
from tests.factories.factors import code_of, make_app, signed_in
from tests.factories.people import PASSWORD, make_people
from tests.factories.saml_provider import DS, MAIL, SAML, SamlHospital, make_pair, posted, wrapped

pytestmark = pytest.mark.django_db
EMAIL = "urn:oasis:names:tc:SAML:1.1:nameid-format:emailAddress"
NADIA: dict[str, Any] = {"attributes": {MAIL: "nadia@north.example"}}


class Browser(Client):
    """Sends no cookies of ours with another site's form, and a cookie only where it was set for."""

    def post_from_elsewhere(self, address: str, answer: str, **more: str) -> Any:
        there = Client(enforce_csrf_checks=True).post(address, {"SAMLResponse": answer, **more})
        assert set(there.cookies) <= {"saml"}, there.cookies
        if there.status_code != 302:
            return there
        assert there.cookies["saml"]["path"] == there.url and there.cookies["saml"]["httponly"]
        self.cookies["saml"] = there.cookies["saml"].value
        return self.get(there.url)


def sign_in(
    hospital: SamlHospital, browser: Browser, *, query: str = "", more: dict | None = None, **faults: Any
) -> Any:
    """From our sign-in page to the provider and back; what our platform answers in the end."""
    hospital.person, hospital.faults = NADIA | faults.pop("person", {}), faults
    sent = browser.get(reverse("saml_login", args=["north"]) + query)
    if sent.status_code != 302 or not sent["Location"].startswith(hospital.address):
        return sent
    page = requests.get(sent["Location"], timeout=5)
    assert page.status_code == 200, page.text
    address, hospital.answer = posted(page.text)
    hospital.back = address.removeprefix("http://testserver")
    return browser.post_from_elsewhere(hospital.back, hospital.answer, **(more or {}))


@pytest.fixture(scope="module")
def hospital() -> Iterator[SamlHospital]:
    there = SamlHospital()
    yield there
    there.stop()


@pytest.fixture
def people():
    return make_people()


def make_provider(people, hospital: SamlHospital, **changes: Any) -> IdentityProvider:
    given = {
        "institution": people.north, "name": "Hospital north", "slug": "north", "issuer": hospital.entity,
        "sso_url": f"{hospital.address}/sso", "certificates": hospital.certificate, "email_attribute": MAIL,
        "factor_acr": [], "is_active": True,
    }  # fmt: skip
    return providers.provider_save(actor=people.administrator, protocol="saml", **given | changes)


@pytest.fixture
def provider(people, hospital) -> IdentityProvider:
    return make_provider(people, hospital)


def invited(people, role: str = Role.CLINICIAN) -> User:
    return invitations.invitation_send(
        actor=people.administrator, email="nadia@north.example", name="Nadia", institution=people.north, role=role
    ).user


def said(client: Client) -> str:
    return client.get(reverse("login")).content.decode()


# --- whom it signs in: the rules are those of every provider (tests/accounts/test_oidc.py) ----------------------------


def test_who_was_invited_comes_in_and_from_then_on_by_the_name_that_lasts(people, provider, hospital):
    user, browser = invited(people), Browser()
    assert f'href="{reverse("saml_login", args=["north"])}"' in said(browser)
    answer = sign_in(hospital, browser, query="?next=/deployments/", more={"RelayState": "https://evil.example/"})
    assert answer["Location"] == "/deployments/" and signed_in(browser) and not browser.cookies["saml"].value
    assert hospital.asked is not None and hospital.asked.get("ForceAuthn") is None
    assert User.objects.get(pk=user.pk).roles == {Role.CLINICIAN}
    row = SignIn.objects.get()
    assert (row.ways, row.provider) == ("socialaccount, provider", provider)
    stored = str([session.get_decoded() for session in Session.objects.all()])
    assert "nadia@" not in stored and "Assertion" not in stored

    again = Browser()  # the address is of no account any more
    sign_in(hospital, again, person={"attributes": {MAIL: "other@north.example"}})
    assert again.session["_auth_user_id"] == str(user.pk)
    browser.get(reverse("logout"))
    to_start = Browser()
    assert sign_in(hospital, to_start, query="?next=https://evil.example/")["Location"] == "/"


def test_nobody_else_does_and_no_account_is_made(people, provider, hospital):
    invited(people)
    before = User.objects.count()
    for person, told in (
        ({"attributes": {MAIL: "stranger@north.example"}}, "Ask an administrator of Hospital north"),
        ({"attributes": {}}, "vouches for no email address"),
        ({"attributes": {"mail": "nadia@north.example"}}, "vouches for no email address"),  # not the one that was set
    ):
        browser = Browser()
        sign_in(hospital, browser, person=person)
        assert not signed_in(browser) and told in said(browser), person
    assert User.objects.count() == before and not ProviderLink.objects.exists()


def test_who_has_a_password_links_it_and_proves_anew_that_it_is_them(people, provider, hospital):
    browser = Browser()
    browser.post(reverse("login"), {"username": people.clinician.email, "password": PASSWORD})
    stopped = sign_in(hospital, browser, query="?process=connect")
    assert stopped["Location"].startswith(reverse("account_reauthenticate")) and not ProviderLink.objects.exists()
    browser.post(reverse("account_reauthenticate"), {"password": PASSWORD})
    sign_in(hospital, browser, query="?process=connect")
    link = ProviderLink.objects.get()
    assert link.user == people.clinician and link.uid == "n-4711"
    assert hospital.asked is not None and hospital.asked.get("ForceAuthn") == "true"
    other = Browser()
    sign_in(hospital, other)
    assert other.session["_auth_user_id"] == str(people.clinician.pk)


def test_a_class_of_sign_in_counts_as_second_factor_only_where_the_institution_says_so(
    people, provider, hospital, settings
):
    settings.MFA_REQUIRED_ROLES = frozenset({"ethics_officer"})
    user = invited(people, Role.ETHICS_OFFICER)
    mfa = "https://refeds.org/profile/mfa"
    for listed, expected in (([], False), ([mfa], True)):
        IdentityProvider.objects.update(factor_acr=listed)
        browser = Browser()
        sign_in(hospital, browser, acr=mfa)
        assert signed_in(browser) and (browser.get(reverse("home")).status_code == 200) is expected, listed
    factor, browser = make_app(user), Browser()
    assert sign_in(hospital, browser)["Location"] == reverse("mfa_authenticate") and not signed_in(browser)
    browser.post(reverse("mfa_authenticate"), {"code": code_of(factor)})
    assert signed_in(browser)


def test_a_subject_that_lasts_is_asked_for(people, provider, hospital):
    invited(people)
    pairwise = "urn:oasis:names:tc:SAML:attribute:pairwise-id"
    for name_format in ("urn:oasis:names:tc:SAML:2.0:nameid-format:transient", EMAIL):
        browser = Browser()
        sign_in(hospital, browser, name_format=name_format)
        assert not signed_in(browser) and "persistent NameID" in said(browser)
    browser = Browser()
    sign_in(hospital, browser, name_format=name_format, attributes={**NADIA["attributes"], pairwise: "p@north"})
    assert signed_in(browser) and ProviderLink.objects.get().uid == f"{pairwise}=p@north"


# --- attacks -------------------------------------------------------------------------------------------------------


def _xml(change: Callable[[bytes], bytes]) -> Callable[[etree._Element], bytes]:
    return lambda tree: change(etree.tostring(tree))


def _stripped(tree: etree._Element) -> etree._Element:
    for signature in tree.findall(f".//{{{DS}}}Signature"):
        signature.getparent().remove(signature)
    return tree


def _bomb(xml: bytes) -> bytes:
    levels = "".join(f'<!ENTITY l{n} "{f"&l{n - 1};" * 10}">' for n in range(1, 10))
    return f'<!DOCTYPE r [<!ENTITY l0 "lol">{levels}]>'.encode() + xml.replace(b"n-4711", b"&l9;")


BACK = "http://testserver/login/with/north/saml/back/"
UNSIGNED, FORGED = "assertion is not signed", "not signed with a key that the institution has given"
EXPIRED, ELSEWHERE = "has expired, or the clocks differ", "for another address than this one"
MALFORMED, METHOD = "not what SAML wants it to be", "made in a way that we do not accept"
WRAPPED, UNKNOWN = "exactly one assertion", "somebody whom this platform does not know"
ATTACKS: dict[str, tuple[dict[str, Any], str]] = {
    "unsigned": ({"sign": "nothing"}, UNSIGNED),
    "only the message signed": ({"sign": "message"}, UNSIGNED),
    "signature taken out": ({"change": _stripped}, UNSIGNED),
    "another provider's key": ({"key": make_pair()[0]}, FORGED),
    "name changed": ({"change": _xml(lambda x: x.replace(b"n-4711", b"n-4712"))}, FORGED),
    "attribute changed": ({"change": _xml(lambda x: x.replace(b"nadia@", b"admin@"))}, FORGED),
    "HMAC under the public certificate": ({"method": xmlsec.Transform.HMAC_SHA256, "key": b"public"}, FORGED),
    "SHA-1 signature": ({"method": xmlsec.Transform.RSA_SHA1}, "signed with SHA-1"),
    "SHA-1 digest": ({"digest": xmlsec.Transform.SHA1}, "signed with SHA-1"),
    "SHA-224 digest": ({"digest": xmlsec.Transform.SHA224}, METHOD),
    "another issuer": ({"issuer": "https://evil.example"}, "another provider"),
    "another audience": ({"audience": "https://other.example"}, "meant for another service"),
    "no audience": ({"audience": None}, "meant for another service"),
    "another recipient": ({"confirmed_for": "https://other.example/acs"}, ELSEWHERE),
    "a recipient that names us": ({"confirmed_for": f"https://evil.example/?{BACK}"},
                                  ELSEWHERE),
    "no recipient": ({"confirmed_for": None}, ELSEWHERE),
    "another destination": ({"destination": "https://other.example/acs"}, ELSEWHERE),
    "a destination that begins as ours": ({"destination": f"{BACK}../x"}, ELSEWHERE),
    "expired": ({"issued": -3600, "ends": -3000}, EXPIRED),
    "just expired": ({"issued": -400, "ends": -1}, "has expired"),
    "issued long ago, valid for years": ({"issued": -3600, "ends": 10**8}, EXPIRED),
    "of the future": ({"issued": 3600, "ends": 4000}, "not valid yet"),
    "unsolicited": ({"in_response_to": None}, "had not asked for it"),
    "to another question": ({"in_response_to": "_0123"}, "not to a question that this browser has asked"),
    "a refusal": ({"status": "urn:oasis:names:tc:SAML:2.0:status:Responder"}, "nobody was signed in there"),
    "two assertions": ({"times": 2}, WRAPPED),
    "comment in the name": ({"name_id": "n-4711.evil", "change": _xml(
        lambda x: x.replace(b"n-4711.evil", b"n-4711<!-- -->.evil"))}, UNKNOWN),
    "entities": ({"change": _xml(_bomb)}, MALFORMED),
    "external entity": ({"change": _xml(lambda x: b'<!DOCTYPE r [<!ENTITY x SYSTEM "file:///etc/passwd">]>'
                                        + x.replace(b"n-4711", b"&x;"))}, MALFORMED),
    "deep": ({"change": _xml(lambda x: b"<a>" * 5000 + b"</a>" * 5000)}, MALFORMED),
    "large": ({"change": _xml(lambda x: x + b" " * 300_000)}, "larger than 256 kB"),
    "encrypted": ({"change": _xml(lambda x: x.replace(b"saml:Assertion", b"saml:EncryptedAssertion"))}, "encrypted;"),
    "no XML": ({"change": _xml(lambda x: b"\xff\x00 nothing")}, MALFORMED),
    **{f"wrapping {kind}": ({"change": wrapped(kind, "n-0815"), "sign": "both" if kind < 3 else "assertion"}, told)
       for kind, told in ((1, WRAPPED), (2, WRAPPED), (3, WRAPPED), (4, WRAPPED), (5, WRAPPED), (6, WRAPPED),
                          (7, WRAPPED), (8, WRAPPED))},
}  # fmt: skip


def test_an_answer_that_is_not_what_it_must_be_signs_nobody_in_and_says_why(people, provider, hospital):
    """The attacker aims at an account that the provider signs in, so that only the checks stand between."""
    user = invited(people)
    sign_in(hospital, Browser())
    ProviderLink.objects.create(user=people.clinician, provider="north", uid="n-0815")
    assert ProviderLink.objects.filter(user=user).exists()
    wrong = []
    for name, (faults, told) in ATTACKS.items():
        browser = Browser()
        if faults.get("key") == b"public":
            faults = faults | {"key": provider.certificates.encode()}
        answer = sign_in(hospital, browser, **faults)
        page = said(browser)
        if answer.status_code != 302 or signed_in(browser) or told not in page:
            heard = page.partition("refused: ")[2][:150] or page.partition("notice")[2][:400]
            wrong.append(f"{name}: {answer.status_code}, {signed_in(browser)}, expected {told!r}, got {heard!r}")
    assert not wrong, "\n".join(wrong)
    assert SignIn.objects.count() == 1
    browser = Browser()
    sign_in(hospital, browser)
    assert signed_in(browser)  # and the honest answer still comes through


def test_an_answer_counts_once_and_in_the_browser_that_asked(people, provider, hospital):
    invited(people)
    browser = Browser()
    sign_in(hospital, browser)
    assert signed_in(browser)
    used, again = hospital.answer, Browser()
    again.get(reverse("saml_login", args=["north"]))
    again.post_from_elsewhere(hospital.back, used)
    assert not signed_in(again) and "it was used before" in said(again)

    victim = Browser()  # somebody else's fresh answer, pushed into another browser: nobody is signed in as another
    hospital.faults = {}
    sent = Browser().get(reverse("saml_login", args=["north"]))
    address, answer = posted(requests.get(sent["Location"], timeout=5).text)
    victim.post_from_elsewhere(address.removeprefix("http://testserver"), answer)
    assert not signed_in(victim) and "not to a question that this browser has asked" in said(victim)


def test_what_is_no_answer_at_all_gets_a_sentence(people, provider, hospital):
    back, enter = reverse("saml_back", args=["north"]), reverse("saml_in", args=["north"])
    for given in ("", "!!!", base64.b64encode(b"<x/>").decode(), "A" * 5):
        browser = Browser()
        browser.post_from_elsewhere(back, given)
        assert "signed nobody in" in said(browser), given
    for cookie in ("", "forged", "x:y:z"):
        browser = Browser()
        browser.cookies["saml"] = cookie
        assert browser.get(enter)["Location"] == reverse("login") and "signed nobody in" in said(browser)
    assert Client().get(back).status_code == 405
    IdentityProvider.objects.update(is_active=False)
    for address in ("saml_login", "saml_in", "saml_metadata", "openid_connect_login"):
        assert Client().get(reverse(address, args=["north"])).status_code == 404


def test_an_answer_for_one_house_is_none_for_another(people, provider, hospital):
    """Both use the same service: its keys are good for both."""
    make_provider(people, hospital, slug="south", name="Hospital south", institution=people.south)
    invited(people)
    browser = Browser()
    hospital.person, hospital.faults = NADIA, {}
    sent = browser.get(reverse("saml_login", args=["north"]))
    _, answer = posted(requests.get(sent["Location"], timeout=5).text)
    browser.post_from_elsewhere(reverse("saml_back", args=["south"]), answer)
    assert not signed_in(browser) and "another address than this one" in said(browser)


# --- as data of an administrator -----------------------------------------------------------------------------------


def test_an_administrator_pastes_metadata_and_hands_ours_over(people, client_of, hospital):
    client = client_of(people.administrator)
    given = {
        "protocol": "saml", "institution": people.north.pk, "name": "North", "slug": "north", "is_active": "on",
        "metadata": requests.get(hospital.entity, timeout=5).text, "factor_acr": "https://refeds.org/profile/mfa",
    }  # fmt: skip
    here = reverse("identity_providers")
    for metadata in ("<md/>", "nonsense", '<!DOCTYPE a [<!ENTITY b "c">]><a>&b;</a>'):
        wrong = client.post(here, given | {"metadata": metadata})
        assert wrong.status_code == 400 and "Expected SAML metadata" in wrong.content.decode()
    bare = {**given, "metadata": "", "issuer": hospital.entity, "sso_url": f"{hospital.address}/sso"}
    for changes, told in (
        ({"certificates": "none"}, "Expected the provider&#x27;s signing certificate"),
        ({"certificates": make_pair(bits=1024)[1]}, "2048 bits"),
        ({"certificates": make_pair(days=-1)[1]}, "The certificate ended on"),
        ({"certificates": hospital.certificate, "sso_url": "http://login.north.example/"}, "https://"),
        ({"certificates": hospital.certificate, "issuer": ""}, "needs its entity id"),
    ):
        wrong = client.post(here, bare | changes)
        assert wrong.status_code == 400 and told in wrong.content.decode(), changes
    assert not IdentityProvider.objects.exists()
    assert client.post(here, given).status_code == 302
    row = IdentityProvider.objects.get()
    assert (row.issuer, row.sso_url) == (hospital.entity, f"{hospital.address}/sso")
    assert row.certificates == hospital.certificate and row.factor_acr == ["https://refeds.org/profile/mfa"]
    page = client.get(reverse("identity_provider", args=[row.pk])).content.decode()
    assert "CN=login.north.example" in page and reverse("saml_back", args=["north"]) in page
    metadata = Client().get(reverse("saml_metadata", args=["north"])).content
    assert not isinstance(OneLogin_Saml2_XML.validate_xml(metadata, "saml-schema-metadata-2.0.xsd"), str)
    with pytest.raises(Conflict, match="stays with its protocol"):
        providers.provider_save(
            actor=people.administrator, provider_id=row.pk, institution=people.north, issuer="https://x.example",
            client_id="x",
        )  # fmt: skip
    with pytest.raises(ApplicationError, match="client id"):
        providers.provider_save(
            actor=people.administrator, institution=people.north, slug="x", name="X", issuer="https://x.example"
        )


def test_a_new_certificate_stands_beside_the_old_one_until_the_provider_has_changed(people, hospital):
    new_key, new = make_pair()
    make_provider(people, hospital, certificates=hospital.certificate + new)
    invited(people)
    for key in (hospital.key, new_key):
        browser = Browser()
        sign_in(hospital, browser, key=key)
        assert signed_in(browser)
    assert f"{{{SAML}}}" in hospital.asked[0].tag
