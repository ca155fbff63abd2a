"""Sealed columns: clear where a program reads the attribute, ciphertext everywhere else."""

from __future__ import annotations

import copy
import json
import uuid

import pytest
from django.core import serializers as fixtures
from django.core.exceptions import FieldError, ValidationError
from django.db import IntegrityError, connection, models, transaction
from django.forms import modelform_factory
from django.forms.models import model_to_dict
from django.test.utils import isolate_apps
from rest_framework import serializers

from accounts.models import Institution, User
from audits.runtime.models import Halt
from core import vault
from core.fields import ERASED, Clear, Sealed, SealedTextField, open_row
from core.models import Outbox
from federation.models import Consent
from tests.factories.people import PASSWORD, make_people

pytestmark = pytest.mark.django_db


@pytest.fixture
def ana() -> User:
    return User.objects.create_user("Ana.Ruiz@clinic.example", PASSWORD, name="Ana Ruiz")


def stored(user: User) -> dict[str, str | None]:
    with connection.cursor() as cursor:
        cursor.execute("SELECT name, email, email_index FROM accounts_user WHERE id = %s", [user.pk])
        return dict(zip(("name", "email", "email_index"), cursor.fetchone(), strict=True))


def test_the_database_holds_ciphertext_and_the_attribute_reads_clear(ana):
    row = stored(ana)
    assert row["name"].startswith("v1:") and row["email"].startswith("v1:") and len(row["email_index"]) == 64
    found = User.objects.get(pk=ana.pk)
    assert (found.name, found.email, str(found)) == ("Ana Ruiz", "Ana.Ruiz@clinic.example", "Ana Ruiz")
    assert User.objects.values_list("name", flat=True).get(pk=ana.pk) == row["name"]


def test_outbox_and_log_see_what_the_table_holds(ana):
    captured = Outbox.objects.get(table="accounts_user", object_id=str(ana.pk)).body
    assert captured["name"] == stored(ana)["name"]
    assert "email_index" not in captured


def test_saving_what_was_not_changed_changes_nothing(ana):
    before, entries = stored(ana), Outbox.objects.count()
    found = User.objects.get(pk=ana.pk)
    found.name = "Ana Ruiz"
    found.full_clean()
    found.save()
    found.refresh_from_db()
    found.save()
    copy.deepcopy(found).save()
    assert stored(ana) == before
    assert Outbox.objects.count() == entries


def test_a_new_text_is_sealed_anew_and_moves_the_blind_index(ana):
    before = stored(ana)
    ana.email = "a.ruiz@other.example"
    ana.save(update_fields=["email"])
    after = stored(ana)
    assert after["email"] != before["email"] and after["email_index"] != before["email_index"]
    assert User.objects.get(email="A.RUIZ@other.example") == ana
    assert not User.objects.filter(email="Ana.Ruiz@clinic.example").exists()


def test_deferred_columns_are_read_when_asked_for_and_written_back_unchanged(ana):
    before = stored(ana)
    found = User.objects.only("id").get(pk=ana.pk)
    assert found.name == "Ana Ruiz"
    found.save()
    assert stored(ana) == before


def test_rows_made_in_bulk_are_sealed_too():
    users = [User(email=f"u{i}@clinic.example", name=f"User {i}") for i in range(3)]
    User.objects.bulk_create(users)
    assert [User.objects.get(email=f"u{i}@clinic.example").name for i in range(3)] == ["User 0", "User 1", "User 2"]
    assert all(stored(user)["name"].startswith("v1:") for user in users)


def test_statements_that_know_no_person_are_refused(ana):
    with pytest.raises(FieldError, match="save\\(\\) or bulk_create"), transaction.atomic():
        User.objects.filter(pk=ana.pk).update(name="Other")
    ana.name = "Other"
    with pytest.raises(FieldError, match="save\\(\\) or bulk_create"), transaction.atomic():
        User.objects.bulk_update([ana], ["name"])


def test_the_platforms_own_words_stay_clear():
    halt = Halt(reason="The gap is over 0.1.", automatic=True, halted_by=None, position=1)
    field = Halt._meta.get_field("reason")
    assert field.pre_save(halt, add=True) == "The gap is over 0.1."
    assert isinstance(halt.__dict__["reason"], Clear)
    assert halt.reason == "The gap is over 0.1."


def test_nothing_is_sealed_where_nothing_is_written(ana):
    ana.name = ""
    ana.save()
    assert stored(ana)["name"] == ""


# --- after the key is gone -----------------------------------------------------------------------------------------


def test_after_shredding_the_attribute_says_so_and_the_row_can_still_be_saved(ana):
    before = stored(ana)
    vault.shred(ana.pk)
    found = User.objects.get(pk=ana.pk)
    assert (found.name, str(found), found.name.erased) == (ERASED, ERASED, True)
    found.name = found.name
    found.is_active = False
    found.save()
    assert stored(ana) == before
    found.name = "New"
    with pytest.raises(vault.Shredded):
        found.save()


# --- look-ups ------------------------------------------------------------------------------------------------------


def test_a_person_is_found_by_the_address_in_any_spelling(ana):
    assert User.objects.get_by_natural_key(" ana.ruiz@CLINIC.example ") == ana
    assert User.objects.get(email__iexact="ANA.RUIZ@clinic.example") == ana
    assert list(User.objects.filter(email__in=["x@y.example", "ana.ruiz@clinic.example"])) == [ana]
    assert not User.objects.exclude(email="ana.ruiz@clinic.example").filter(pk=ana.pk).exists()


@pytest.mark.parametrize(
    "lookup", ["name", "name__icontains", "name__in", "name__gt", "email__contains", "email__startswith", "name__regex"]
)
def test_other_look_ups_are_refused_with_the_way_out(lookup):
    with pytest.raises(FieldError, match="is sealed"):
        User.objects.filter(**{lookup: ["a"] if lookup.endswith("in") else "a"}).count()


def test_a_blind_index_compares_plain_text_only():
    with pytest.raises(FieldError, match="plain text only"):
        User.objects.filter(email=models.F("name")).count()
    with pytest.raises(FieldError, match="(?i)unsupported lookup|is sealed"):
        User.objects.filter(email__domain="x").count()


def test_an_address_belongs_to_one_person_whatever_its_capitals(ana):
    with pytest.raises(IntegrityError), transaction.atomic():
        User.objects.create_user("ANA.RUIZ@clinic.example", PASSWORD, name="Other")
    with pytest.raises(ValidationError, match="already exists"):
        User(email="ana.ruiz@clinic.example", name="Other", password="x").full_clean()


@isolate_apps("core")
def test_a_model_that_orders_by_ciphertext_or_names_no_subject_is_an_error():
    class Ordered(models.Model):
        reason = SealedTextField(subject="id")

        class Meta:
            app_label = "core"
            ordering = ["-reason"]

    class Anonymous(models.Model):
        reason = SealedTextField()

        class Meta:
            app_label = "core"

    assert [found.id for found in Ordered._meta.get_field("reason").check()] == ["core.E002"]
    assert [found.id for found in Anonymous._meta.get_field("reason").check()] == ["core.E001"]


# --- forms, API, fixtures ------------------------------------------------------------------------------------------


def test_forms_show_and_check_clear_text(ana):
    form_class = modelform_factory(User, fields=["name", "email"])
    assert model_to_dict(ana, ["name"]) == {"name": "Ana Ruiz"}
    assert not form_class({"name": "x" * 121, "email": "nonsense"}, instance=ana).is_valid()
    form = form_class({"name": "Ana R.", "email": "ana@clinic.example"}, instance=User.objects.get(pk=ana.pk))
    assert form.is_valid(), form.errors
    form.save()
    assert User.objects.get(email="ana@clinic.example").name == "Ana R."


def test_the_api_shows_clear_text(ana):
    class Output(serializers.ModelSerializer):
        class Meta:
            model = User
            fields = ["name", "email"]

    assert json.loads(json.dumps(Output(User.objects.get(pk=ana.pk)).data)) == {
        "name": "Ana Ruiz", "email": "Ana.Ruiz@clinic.example",
    }  # fmt: skip


def test_fixtures_carry_ciphertext(ana):
    text = fixtures.serialize("json", User.objects.filter(pk=ana.pk), fields=["name", "email"])
    assert "Ruiz" not in text and json.loads(text)[0]["fields"]["name"] == stored(ana)["name"]


def test_a_text_of_another_row_is_sealed_again_where_it_is_put(ana):
    other = User.objects.create_user("other@clinic.example", PASSWORD, name="Other")
    other.name = User.objects.get(pk=ana.pk).name
    other.save()
    assert stored(other)["name"] != stored(ana)["name"]
    vault.shred(ana.pk)
    assert User.objects.get(pk=other.pk).name == "Ana Ruiz"


def test_a_text_moved_by_hand_does_not_open(ana):
    other = User.objects.create_user("other@clinic.example", PASSWORD, name="Other")
    User.objects.filter(pk=other.pk).update(name=Sealed(stored(ana)["name"]))
    with pytest.raises(vault.SealError):
        str(User.objects.get(pk=other.pk).name)


# --- captured rows -------------------------------------------------------------------------------------------------


def test_a_captured_row_opens_for_its_reader_but_names_stay_sealed(ana):
    row_id = str(uuid.uuid4())
    sealed = vault.seal(ana.pk, "The data are wrong.", f"federation_consent.reason:{row_id}")
    row = {"id": row_id, "decided_by_id": str(ana.pk), "reason": sealed, "decision": "refused"}
    assert open_row(Consent, row)["reason"] == "The data are wrong."
    captured = Outbox.objects.get(table="accounts_user", object_id=str(ana.pk)).body
    assert open_row(User, captured)["name"] == captured["name"]
    assert open_row(Institution, {"name": "v1:x"}) == {"name": "v1:x"}
    vault.shred(ana.pk)
    assert open_row(Consent, row)["reason"] == ERASED


def test_people_sign_in_by_any_spelling_of_their_address(client):
    people = make_people()
    answer = client.post("/login/", {"username": people.auditor.email.upper(), "password": PASSWORD})
    assert (answer.status_code, answer["Location"]) == (302, "/")
