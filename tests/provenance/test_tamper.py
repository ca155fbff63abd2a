"""Six hundred random changes by the owner of the database, triggers switched off: each is found.

Each change is made inside a savepoint and rolled back, on one log of some 300 entries with a tile, checkpoints, anchors
and a witness. What only the world outside can tell (a log cut back together with everything here that remembers it) is
for the chain, the witnesses and kept checkpoints to say; the tests of those stand elsewhere.
"""

from __future__ import annotations

import os
import random
from collections.abc import Callable, Iterator
from uuid import UUID

import pytest
from cryptography.hazmat.primitives.asymmetric.mldsa import MLDSA44PrivateKey
from django.db import connection, transaction
from django.test import override_settings

from accounts.models import Institution
from core.capture import record
from core.context import governed
from provenance import checkpoints, sequencing
from provenance.anchoring import Anchorer
from provenance.domain.cosignature import CosignatureSigner
from provenance.domain.note import parse_note
from provenance.domain.tiles import Frontier
from provenance.models import (
    Anchor,
    AnchorAttempt,
    Body,
    ChainState,
    Checkpoint,
    Cosignature,
    Entry,
    Tile,
    Witness,
)
from provenance.verification import verify_ledger
from qflethics.settings import env
from tests.database import empty_tables
from tests.factories.tampering import ANCHORED, CHANGES, SIZES, Attack
from tests.factories.tampering_chain import CHAIN_CHANGES

TABLES = [
    model._meta.db_table for model in (Entry, Body, Tile, Checkpoint, Anchor, AnchorAttempt, ChainState, Cosignature)
]
ROUNDS = 13  # random changes of each kind
CHAIN_ROUNDS = 5


# --- the log that is attacked --------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def ledger(django_db_setup, django_db_blocker, tmp_path_factory) -> Iterator[None]:
    """Written as the application, committed; then this process becomes the owner and switches the triggers off."""
    with django_db_blocker.unblock():
        empty_tables(os.environ["DATABASE_OWNER_URL"])
        with override_settings(VAR=tmp_path_factory.mktemp("var"), CHAIN_RPC="", ANCHOR_PASSPHRASE_FILE=""):
            _write()
            application = dict(connection.settings_dict)
            _connect_as(env.database("DATABASE_OWNER_URL"))
            with transaction.atomic():
                for table in TABLES:
                    connection.cursor().execute(f"ALTER TABLE {table} DISABLE TRIGGER USER")
                assert verify_ledger().problems == []
                yield
                transaction.set_rollback(True)
            _connect_as(application)
        empty_tables(os.environ["DATABASE_OWNER_URL"])


def _connect_as(settings: dict) -> None:
    connection.close()
    connection.settings_dict.update({key: settings[key] for key in ("USER", "PASSWORD")})


def _write() -> None:
    """Rows of several tables, people and reasons, so that every column has something to be changed into."""
    frontier, anchorer = sequencing.load_frontier(), Anchorer()
    cosigner = CosignatureSigner("witness.example", MLDSA44PrivateKey.generate(), lambda: 1_788_000_000)
    witness = Witness.objects.create(name=cosigner.name, vkeys=cosigner.verifier.vkey, url="https://witness.example/")
    places = [Institution.objects.create(slug=f"site-{n}", name=f"Hospital {n}") for n in range(6)]
    for size in SIZES:
        while (missing := size - _sequenced(frontier)) > 0:
            for number in range(missing):
                actor = UUID(int=number % 4 + 1) if number % 3 else None
                with governed(action=f"test.{number % 5}", actor=actor, reason=f"reason {number}"):
                    if number % 2:
                        record(table="provenance", operation="HEARTBEAT", object_id=f"log-{number}", body={"n": number})
                    else:
                        Institution.objects.filter(pk=places[number % 6].pk).update(name=f"Hospital {size} {number}")
        signed = checkpoints.checkpoint_sign(frontier)
        assert signed is not None
        line = cosigner.sign(parse_note(signed.note.encode()).text)
        Cosignature.objects.create(
            witness=witness, checkpoint=signed, key_id=line.key_id.hex(), line=line.line,
            timestamp=int.from_bytes(line.signature[:8], "big"),
        )  # fmt: skip
        if size in ANCHORED:
            assert anchorer.step()
    anchorer.node.close()
    assert (Entry.objects.count(), Tile.objects.count()) == (SIZES[-1], 1)


def _sequenced(frontier: Frontier) -> int:
    while sequencing.sequence(frontier):
        pass
    return frontier.size


def _fingerprint() -> str:
    """Of every column of every row: an attack that changes nothing would prove nothing."""
    rows = " UNION ALL ".join(f"SELECT '{table}' || t::text AS row FROM {table} t" for table in TABLES)
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT md5(string_agg(row, '|' ORDER BY row)) FROM ({rows}) everything")
        return cursor.fetchone()[0]


def _survivors(change: Callable[[Attack], None], rounds: int) -> list[int]:
    """Seeds of the changes that nobody noticed."""
    before, unnoticed = _fingerprint(), []
    for seed in range(rounds):
        with transaction.atomic():
            change(Attack(random.Random(f"{change.__name__} {seed}")))
            assert _fingerprint() != before, f"{change.__name__} with seed {seed} changed nothing"
            if verify_ledger(limit=5).ok:
                unnoticed.append(seed)
            transaction.set_rollback(True)
    assert _fingerprint() == before
    return unnoticed


@pytest.mark.parametrize("change", CHANGES, ids=lambda change: change.__name__)
def test_every_change_by_the_owner_is_found(ledger, django_db_blocker, change):
    with django_db_blocker.unblock():
        assert _survivors(change, ROUNDS) == []


@pytest.mark.parametrize("change", CHAIN_CHANGES, ids=lambda change: change.__name__)
def test_every_change_of_what_the_chain_proves_is_found(ledger, django_db_blocker, change):
    with django_db_blocker.unblock():
        assert _survivors(change, CHAIN_ROUNDS) == []


def test_the_changes_are_more_than_six_hundred():
    assert len(CHANGES) * ROUNDS + len(CHAIN_CHANGES) * CHAIN_ROUNDS > 600
