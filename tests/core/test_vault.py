"""The vault: what is sealed opens in its place only, and never again once the key is shredded."""

from __future__ import annotations

import base64
import time
import uuid
from pathlib import Path

import pytest
from django.core.exceptions import ImproperlyConfigured
from django.core.management import CommandError, call_command
from django.db import connection, transaction
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from core import kek, vault
from core.models import SubjectKey
from core.pseudonyms import blind, blind_address, patient_forget, patient_pseudonyms

pytestmark = pytest.mark.django_db

texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=300)


@pytest.fixture(autouse=True)
def _fresh():
    vault.forget_cached()
    yield
    vault.forget_cached()


@pytest.fixture
def own_kek(settings, tmp_path) -> Path:
    """A KEK file of this test's own."""
    path = tmp_path / "kek"
    path.write_bytes(kek.new_line())
    settings.KEK_FILE = str(path)
    return path


@given(text=texts, context=st.text(max_size=40))
@hypothesis_settings(max_examples=60, deadline=None)
def test_what_is_sealed_opens_in_its_place(text, context):
    subject = uuid.uuid4()
    token = vault.seal(subject, text, context)
    assert vault.open(subject, token, context) == text
    assert token.isascii() and (len(text) < 4 or text not in token)


@given(text=texts, flip=st.integers(0, 10_000), bit=st.integers(0, 7))
@hypothesis_settings(max_examples=60, deadline=None)
def test_no_changed_bit_goes_unnoticed(text, flip, bit):
    subject = uuid.UUID(int=77)
    raw = bytearray(base64.urlsafe_b64decode(vault.seal(subject, text, "place").removeprefix("v1:")))
    raw[flip % len(raw)] ^= 1 << bit
    with pytest.raises(vault.SealError, match="changed, moved"):
        vault.open(subject, "v1:" + base64.urlsafe_b64encode(bytes(raw)).decode(), "place")


def test_the_same_text_never_looks_the_same_twice():
    subject = uuid.uuid4()
    assert len({vault.seal(subject, "yes", "place") for _ in range(50)}) == 50


@pytest.mark.parametrize("token", ["", "v1:", "plain", "v1:!!!!", "v1:AAAA", "v2:" + "A" * 60, "v1:" + "ä" * 60])
def test_what_is_no_sealed_text_is_refused(token):
    with pytest.raises(vault.SealError):
        vault.open(uuid.uuid4(), token, "place")


def test_a_text_opens_neither_elsewhere_nor_for_another_person():
    one, other = uuid.uuid4(), uuid.uuid4()
    token = vault.seal(one, "mine", "table.column:1")
    vault.ensure(other)
    with pytest.raises(vault.SealError):
        vault.open(one, token, "table.column:2")
    with pytest.raises(vault.SealError):
        vault.open(other, token, "table.column:1")


def test_a_shredded_key_opens_and_seals_nothing_and_is_never_made_again():
    subject = uuid.uuid4()
    token, pseudonym = vault.seal(subject, "mine", "place"), vault.pseudonym_key(subject)
    assert vault.pseudonym_key(subject) == pseudonym
    assert vault.shred(subject) is True
    assert vault.shred(subject) is False
    assert vault.open(subject, token, "place") is None
    with pytest.raises(vault.Shredded):
        vault.seal(subject, "more", "place")
    assert vault.erased(subject)
    assert len({vault.pseudonym_key(subject), vault.pseudonym_key(subject), pseudonym}) == 3
    assert bytes(SubjectKey.objects.get(subject=subject).wrapped) == b""


def test_somebody_who_never_wrote_can_be_erased_too():
    subject = uuid.uuid4()
    assert vault.shred(subject) is True
    with pytest.raises(vault.Shredded):
        vault.seal(subject, "later", "place")


def test_a_person_without_a_key_reads_as_erased():
    subject = uuid.uuid4()
    with transaction.atomic():
        token = vault.seal(subject, "mine", "place")
        transaction.set_rollback(True)  # the application may not delete a key, but one may never have been committed
    vault.forget_cached()
    assert vault.open(subject, token, "place") is None


@pytest.mark.django_db(transaction=True)
def test_a_key_that_was_rolled_back_is_not_used_again():
    subject = uuid.uuid4()
    with transaction.atomic():
        vault.seal(subject, "lost", "place")
        transaction.set_rollback(True)
    token = vault.seal(subject, "kept", "place")
    vault.forget_cached()
    assert vault.open(subject, token, "place") == "kept"


@pytest.mark.django_db(transaction=True)
def test_a_key_read_before_is_forgotten_within_seconds_after_another_process_shreds_it(settings):
    settings.VAULT_CACHE_SECONDS = 0.2
    subject = uuid.uuid4()
    token = vault.seal(subject, "mine", "place")
    assert vault.open(subject, token, "place") == "mine"
    with connection.cursor() as cursor:  # as another process does, past this one's memory
        cursor.execute("UPDATE core_subjectkey SET wrapped = '', kek = '', shredded_at = now()")
    assert vault.open(subject, token, "place") == "mine"
    time.sleep(0.25)
    assert vault.open(subject, token, "place") is None


@pytest.mark.django_db(transaction=True)
def test_a_known_key_costs_no_query_and_many_keys_cost_one(django_assert_num_queries):
    subjects = [uuid.uuid4() for _ in range(20)]
    tokens = [vault.seal(subject, "text", "place") for subject in subjects]
    vault.forget_cached()
    with django_assert_num_queries(1):
        vault.warm(subjects)
        assert [vault.open(s, t, "place") for s, t in zip(subjects, tokens, strict=True)] == ["text"] * 20
        vault.seal(subjects[0], "again", "place")


def test_the_database_holds_neither_the_text_nor_the_key(own_kek):
    subject = uuid.uuid4()
    vault.seal(subject, "mine", "place")
    row = SubjectKey.objects.get(subject=subject)
    assert len(bytes(row.wrapped)) == 12 + 32 + 16
    own_kek.write_bytes(kek.new_line())  # the dump without the KEK
    vault.forget_cached()
    with pytest.raises(ImproperlyConfigured, match="QFL_KEK_FILE"):
        vault.ensure(subject)


def test_a_wrapped_key_moved_to_another_person_is_refused():
    one, other = uuid.uuid4(), uuid.uuid4()
    vault.ensure(one)
    vault.ensure(other)
    stolen = SubjectKey.objects.get(subject=one)
    SubjectKey.objects.filter(subject=other).update(wrapped=stolen.wrapped)
    with pytest.raises(ImproperlyConfigured, match="the row was changed"):
        vault.pseudonym_key(other)


# --- the key-encryption key ----------------------------------------------------------------------------------------


def test_rotation_wraps_every_key_anew_while_texts_stay_readable(own_kek):
    subjects = [uuid.uuid4() for _ in range(5)]
    tokens = [vault.seal(subject, "text", "place") for subject in subjects]
    vault.shred(subjects[0])
    old = own_kek.read_bytes()
    call_command("rotate_kek", "--new", "--drop-old", verbosity=0)
    vault.forget_cached()
    assert own_kek.read_bytes().count(b"\n") == 1 and own_kek.read_bytes() != old
    assert [vault.open(s, t, "place") for s, t in zip(subjects, tokens, strict=True)] == [None] + ["text"] * 4
    assert SubjectKey.objects.filter(subject__in=subjects[1:], kek=kek.Ring.load().current).count() == 4


def test_a_rotation_begun_in_the_secret_store_is_finished_by_the_command(own_kek):
    subject = uuid.uuid4()
    token = vault.seal(subject, "text", "place")
    own_kek.write_bytes(kek.new_line() + own_kek.read_bytes())
    assert vault.rewrap(batch=1) >= 1
    vault.forget_cached()
    assert vault.open(subject, token, "place") == "text"


def test_an_old_kek_that_still_wraps_keys_is_not_dropped(own_kek):
    vault.ensure(uuid.uuid4())
    SubjectKey.objects.update(kek="somebody")
    with pytest.raises((CommandError, ImproperlyConfigured), match="somebody"):
        call_command("rotate_kek", "--drop-old", verbosity=0)


@pytest.mark.parametrize("content", [b"", b"\n", b"short\n", b"AAAA\n", "schlüssel\n".encode()])
def test_a_file_that_holds_no_key_is_named(own_kek, content):
    own_kek.write_bytes(content)
    with pytest.raises(ImproperlyConfigured, match=str(own_kek)):
        kek.Ring.load()


def test_a_missing_file_is_named_and_never_replaced_by_a_new_key(settings, tmp_path):
    settings.KEK_FILE = str(tmp_path / "nowhere")
    with pytest.raises(ImproperlyConfigured, match="QFL_KEK_FILE names .*nowhere"):
        kek.Ring.load()
    assert not (tmp_path / "nowhere").exists()


def test_without_a_secret_store_a_key_is_made_once_for_the_owner_alone(settings, tmp_path):
    settings.KEK_FILE, settings.VAR = "", tmp_path
    assert kek.Ring.load().current == kek.Ring.load().current
    file = tmp_path / "keys" / "kek"
    assert (file.stat().st_mode & 0o777, file.parent.stat().st_mode & 0o777) == (0o600, 0o700)
    file.chmod(0o644)  # as a restored copy may be
    file.parent.chmod(0o755)
    kek.Ring.load()
    assert file.stat().st_mode & 0o777 == 0o600


# --- blind indexes and patients ------------------------------------------------------------------------------------


@given(one=texts, other=texts)
@hypothesis_settings(max_examples=60, deadline=None)
def test_a_blind_index_is_the_same_for_the_same_text_and_purpose_only(one, other):
    assert (blind("a", one) == blind("a", other)) == (one == other)
    assert blind("a", one) != blind("b", one)


def test_an_address_has_one_spelling():
    assert blind_address("a", " Ana.Ruiz@Example.ORG ") == blind_address("a", "ana.ruiz@example.org")
    assert blind_address("a", "ana.ruiz@example.org") != blind_address("a", "ana.ruiz@example.com")


def test_a_patient_keeps_a_pseudonym_until_the_salt_is_deleted():
    first = patient_pseudonyms("north", ["7", "8", "7"])
    assert first[0] == first[2] != first[1]
    assert patient_pseudonyms("north", ["8", "9"])[0] == first[1]
    assert patient_pseudonyms("south", ["7"]) != first[:1]
    assert patient_forget("north", "7") == first[0]
    assert patient_forget("north", "7") is None
    assert patient_pseudonyms("north", ["7"])[0] not in first


def test_known_patients_cost_one_query(django_assert_num_queries):
    numbers = [str(i) for i in range(256)]
    before = patient_pseudonyms("north", numbers)
    with django_assert_num_queries(1):
        assert patient_pseudonyms("north", numbers) == before


def test_a_demonstration_whose_keys_were_removed_says_so_instead_of_failing_later(own_kek):
    vault.seal(uuid.uuid4(), "a name", "here")
    assert vault.lost_keks() == set()
    lost = kek.Ring.load().current
    own_kek.write_bytes(kek.new_line())
    with pytest.raises(CommandError, match=f"sealed under the key {lost}.*make clean"):
        call_command("demo_setup")
