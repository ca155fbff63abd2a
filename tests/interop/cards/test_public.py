from __future__ import annotations

import hashlib
import io
import json
import re
import zipfile

import pytest
from django.test import Client
from django.urls import reverse

from interop import limits
from interop.cards.exports import FORMS
from models_registry import services
from models_registry.models import Card, CardPublication, PublicCard
from provenance import checkpoints, keys
from provenance.models import Entry
from provenance.sequencing import load_frontier, sequence
from provenance.verifier.__main__ import check
from provenance.verifier.options import read_options


@pytest.fixture
def anybody(settings) -> Client:
    settings.PUBLIC_REQUESTS_PER_MINUTE = 1_000_000
    return Client()


def test_who_is_signed_in_gets_the_same_page_without_a_cookie(world, public, settings) -> None:
    settings.PUBLIC_REQUESTS_PER_MINUTE = 1_000_000
    client = Client()
    client.force_login(world.people.auditor, backend="django.contrib.auth.backends.ModelBackend")
    session = client.session
    session["seen"] = 0  # long not noted
    session.save()
    client.cookies.clear()
    client.cookies[settings.SESSION_COOKIE_NAME] = session.session_key
    answer = client.get(page_of(public))
    assert answer["Cache-Control"].startswith("public") and settings.SESSION_COOKIE_NAME not in answer.cookies


def page_of(publication: CardPublication) -> str:
    return reverse("public_card", args=[publication.id])


def test_anybody_reads_a_published_card_and_no_session_is_made(anybody: Client, world, public, card: Card) -> None:
    answer = anybody.get(page_of(public))

    body = answer.content.decode()
    assert answer.status_code == 200 and "Model card of Trial model v1" in body and card.digest in body
    assert "on its way to the ledger" in body
    assert answer["Cache-Control"] == "public, max-age=300" and not answer.cookies
    people = world.people
    for person in (people.administrator, people.officer_north):
        assert person.name not in body and person.email not in body and str(person.id) not in body
    assert "Trial model v1" in anybody.get(reverse("public_cards")).content.decode()


@pytest.mark.parametrize("kind", list(FORMS))
def test_each_form_is_public_and_cached(anybody: Client, world, public, kind: str) -> None:
    url = reverse("public_card_file", args=[public.id, kind])
    answer = anybody.get(url)

    assert answer.status_code == 200 and answer["ETag"] and "max-age" in answer["Cache-Control"]
    assert anybody.get(url, headers={"If-None-Match": answer["ETag"]}).status_code == 304
    assert str(world.people.administrator.id).encode() not in answer.content


def test_an_unpublished_card_is_not_found(anybody: Client, world, public) -> None:
    pages = [page_of(public), reverse("public_card_proof", args=[public.id]),
             reverse("public_card_file", args=[public.id, "json"])]  # fmt: skip
    etag = anybody.get(pages[2])["ETag"]
    services.card_unpublish(publication=public, actor=world.people.administrator)

    for url in pages:
        answer = anybody.get(url, headers={"If-None-Match": etag})
        assert answer.status_code == 404 and answer["Cache-Control"] == "no-store"
    assert "No card is published" in anybody.get(reverse("public_cards")).content.decode()


def test_only_the_published_edition_is_public(anybody: Client, world, public, card: Card) -> None:
    services.card_edit(version=card.version, texts={"HowToUse": "Unseen."}, actor=world.people.administrator)

    assert "Unseen." not in anybody.get(page_of(public)).content.decode()


def test_nothing_is_written_through_a_public_address(anybody: Client, public) -> None:
    for name in ("public_card", "public_card_proof"):
        assert anybody.post(reverse(name, args=[public.id])).status_code == 405


def test_who_asks_too_often_waits(settings, public, monkeypatch) -> None:
    settings.PUBLIC_REQUESTS_PER_MINUTE = 3
    settings.CLIENT_ADDRESS_HEADER = "X-Real-IP"
    monkeypatch.setattr(limits.time, "time", lambda: 6e9)
    client, name = Client(), str(public.id)
    statuses = [client.get(page_of(public), headers={"X-Real-IP": name}).status_code for _ in range(5)]

    assert statuses == [200, 200, 200, 429, 429]
    assert client.get(page_of(public), headers={"X-Real-IP": f"{name}-other"}).status_code == 200
    monkeypatch.setattr(limits.time, "time", lambda: 6e9 + 60)
    assert client.get(page_of(public), headers={"X-Real-IP": name}).status_code == 200


def test_without_the_broker_the_page_is_still_there(settings, public) -> None:
    settings.REDIS_URL = "unix:///nowhere.sock"

    assert Client().get(page_of(public)).status_code == 200


def test_a_stranger_verifies_that_the_card_stands_in_the_ledger(
    anybody: Client, world, public, card: Card, tmp_path
) -> None:
    url = reverse("public_card_proof", args=[public.id])
    assert anybody.get(url).status_code == 409  # on its way
    frontier = load_frontier()
    while sequence(frontier):
        pass
    checkpoints.checkpoint_sign(frontier)

    bundle = anybody.get(url).content
    before = Entry.objects.count()
    sequence(frontier)
    assert Entry.objects.count() == before + 1  # that it was made is recorded, once
    assert anybody.get(url).content == bundle
    sequence(frontier)
    assert Entry.objects.count() == before + 1

    path = tmp_path / "proof.zip"
    path.write_bytes(bundle)
    trusted = [f for key in keys.log_verifiers() for f in ("--key", key.vkey)]
    assert check(read_options([str(path), *trusted])).exit_code == 0
    files = zipfile.ZipFile(io.BytesIO(bundle))
    (body,) = [json.loads(files.read(name)) for name in files.namelist() if re.search(r"entries/\d+/body.json", name)]
    given = anybody.get(reverse("public_card_file", args=[public.id, "json"])).content
    assert body["row"]["card_digest"] == hashlib.sha256(given).hexdigest() == card.digest
    assert body["actor"] is None
    for person in (world.people.administrator, world.people.officer_north):
        assert str(person.id).encode() not in b"".join(files.read(name) for name in files.namelist())
    assert PublicCard.objects.get().proof == hashlib.sha256(bundle).hexdigest()


def test_the_program_that_checks_is_public(anybody: Client) -> None:
    assert zipfile.is_zipfile(io.BytesIO(anybody.get(reverse("public_verifier")).content.lstrip()))
