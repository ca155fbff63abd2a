from __future__ import annotations

import pytest
from django.db import DatabaseError, IntegrityError, transaction
from django.urls import reverse

from core.errors import ApplicationError, Conflict
from models_registry import services
from models_registry.card_drafts import drafts_of
from models_registry.card_editions import CardChanged
from models_registry.card_schema import WRITTEN
from models_registry.models import Card, CardPublication, Version
from tests.factories.federation import World, make_federation
from tests.factories.people import make_people
from tests.factories.registry import make_evidence, make_version

A, B = {"HowToUse": "With care."}, {"FundingSource": "A grant."}


def edit(world: World, version: Version, texts: dict, base: int | None = None, who: str = "administrator") -> Card:
    return services.card_edit(version=version, texts=texts, base=base, actor=getattr(world.people, who))


def test_an_edition_is_never_changed_or_deleted(version: Version) -> None:
    for change in (lambda: version.cards.update(digest="0" * 64), lambda: version.cards.get().delete()):
        with pytest.raises(DatabaseError, match="Cannot update or delete"), transaction.atomic():
            change()


def test_what_another_person_changed_meanwhile_is_kept(world: World, version: Version) -> None:
    edit(world, version, A, base=1)

    card = edit(world, version, B, base=1, who="administrator2")

    assert card.edition == 3 and card.content["texts"] == A | B


def test_the_same_element_changed_twice_is_not_saved_and_both_are_told(world: World, version: Version) -> None:
    edit(world, version, A, base=1)

    with pytest.raises(CardChanged, match="edition 2 meanwhile .* How to use") as refused:
        edit(world, version, {"HowToUse": "Never alone."}, base=1, who="administrator2")

    assert refused.value.extra["clashes"] == [
        {"element": "HowToUse", "before": "", "theirs": "With care.", "mine": "Never alone."}
    ]
    assert version.cards.count() == 2
    assert edit(world, version, {"HowToUse": "Never alone."}, base=2).edition == 3


def test_a_base_that_is_none_is_refused(world: World, version: Version) -> None:
    with pytest.raises(ApplicationError, match="no edition 9"):
        edit(world, version, A, base=9)


def test_the_page_shows_a_clash_and_loses_nothing(world: World, version: Version, page) -> None:
    client, url = page(world.people.administrator2), reverse("card_edit", args=[version.id])
    edit(world, version, {**A, "DeveloperContact": "desk@x.example"}, base=1)

    answer = client.post(url, {"base": 1, "HowToUse": "Never alone.", **B})

    body = answer.content.decode()
    assert answer.status_code == 409 and "With care." in body and "Never alone." in body and "A grant." in body
    assert "desk@x.example" in body  # what only the other one wrote is in the form
    assert 'name="base" value="2"' in body
    sent = {"base": 2, "HowToUse": "Never alone.", "DeveloperContact": "desk@x.example", **B}
    assert client.post(url, sent).status_code == 302
    assert version.cards.first().content["texts"]["HowToUse"] == "Never alone."


@pytest.mark.parametrize(
    ("sent", "status", "said"),
    [({"base": 1, "HowToUse": "x" * 4001, **B}, 400, "at most 4000"), ({"base": 1}, 409, "Nothing has changed")],
)
def test_a_refused_form_keeps_what_was_typed(world: World, version: Version, page, sent, status, said) -> None:
    answer = page(world.people.administrator).post(reverse("card_edit", args=[version.id]), sent)

    body = answer.content.decode()
    assert answer.status_code == status and said in body
    assert all(str(text) in body for name, text in sent.items() if name != "base")


def test_drafts_fill_only_what_is_empty_and_save_nothing(world: World, audited: Version, page) -> None:
    edit(world, audited, {"HowToUse": "Mine."})
    before = audited.cards.count()

    body = page(world.people.administrator).get(reverse("card_edit", args=[audited.id]) + "?drafts").content.decode()

    assert ">\nMine.</textarea>" in body
    assert "Bias score (pass): The largest gap between groups is 0.04." in body
    assert audited.cards.count() == before


@pytest.mark.parametrize("task", ["classification", "segmentation"])
@pytest.mark.parametrize("verdict", [None, "pass", "fail", "inconclusive", "not_assessable"])
def test_drafts_are_of_elements_that_people_write(db, task: str, verdict: str | None) -> None:
    version = make_version(make_federation(make_people(), task=task))
    if verdict:
        make_evidence(version, verdict)

    drafts = drafts_of(version)
    assert set(drafts) <= set(WRITTEN) and all(0 < len(text) <= 4000 for text in drafts.values())
    assert ("KnownBiasesOrEthicalConsiderations" in drafts) == (verdict is not None)
    assert not {"FundingSource", "ClinicalRiskLevel", "DeveloperContact"} & set(drafts)  # only people know


def test_the_page_of_changes(world: World, version: Version, page) -> None:
    edit(world, version, A)
    client, url = page(world.people.clinician), reverse("card_changes", args=[version.id])

    body = client.get(url).content.decode()
    assert "<ins>With care.</ins>" in body and "How to use" in body
    assert "Nothing differs" in client.get(url, {"from": 2, "to": 2}).content.decode()
    assert client.get(url, {"from": 1, "to": 99}).status_code == 404
    assert client.get(url, {"from": "²", "to": "x"}).status_code == 200


def test_a_generated_element_links_to_what_it_came_from(world: World, audited: Version, page) -> None:
    body = page(world.people.auditor).get(reverse("card", args=[audited.id])).content.decode()

    assert "From the frozen configuration of the training run" in body
    assert f'href="{reverse("run", args=[audited.run_id])}"' in body
    assert "not stated (required)" in body


def test_the_api_joins_compares_and_suggests(world: World, version: Version, api) -> None:
    client, base = api(world.people.administrator), f"/api/v1/versions/{version.id}"
    assert client.post(f"{base}/cards", {"texts": A, "base": 1}, format="json").status_code == 201

    clash = client.post(f"{base}/cards", {"texts": {"HowToUse": "No."}, "base": 1}, format="json")
    assert (clash.status_code, clash.json()["code"], clash.json()["edition"]) == (409, "card_changed", 2)
    found = client.get(f"{base}/card-changes", {"before": 1, "after": 2}).json()["results"]
    assert found == [{"section": "Uses and directions", "title": "How to use", "before": None, "after": "With care."}]
    assert client.get(f"{base}/card-changes", {"before": 1}).status_code == 400
    assert client.get(f"{base}/card-changes", {"before": 1, "after": 7}).status_code == 404
    assert "HowToUse" in client.get(f"{base}/card-drafts").json()["drafts"]


def test_one_edition_of_a_version_is_public(world: World, audited: Version) -> None:
    actor = world.people.administrator
    first = services.card_publish(card=audited.cards.first(), actor=actor)
    second = services.card_publish(card=edit(world, audited, A), actor=actor)

    first.refresh_from_db()
    assert first.withdrawn_at is not None and second.withdrawn_at is None
    with pytest.raises(Conflict, match="public already"):
        services.card_publish(card=second.card, actor=actor)
    with pytest.raises(IntegrityError, match="one_public_card"), transaction.atomic():
        CardPublication.objects.create(
            version=audited, card=second.card, card_digest=second.card_digest, published_by=actor
        )


def test_a_card_without_an_audit_is_not_published(world: World, version: Version) -> None:
    with pytest.raises(Conflict, match="rests on no audit"):
        services.card_publish(card=version.cards.get(), actor=world.people.administrator)


def test_a_card_is_published_and_taken_back(world: World, audited: Version, page, api) -> None:
    client, edition = page(world.people.administrator), audited.cards.count()
    client.post(reverse("card_publish", args=[audited.id, edition]))
    assert CardPublication.objects.get().card.edition == edition
    client.post(reverse("card_unpublish", args=[audited.id]))
    assert CardPublication.objects.get().withdrawn_at is not None

    url = f"/api/v1/versions/{audited.id}/cards/{edition}/publication"
    client = api(world.people.administrator)
    assert client.post(url).status_code == 201 and client.post(url).status_code == 409
    assert client.delete(url).status_code == 200 and client.delete(url).status_code == 404
