"""Names that find a row without saying whose it is: blind indexes, and pseudonyms of patients.

A blind index is HMAC-SHA256 under the platform's index key, a key of its own for each purpose. It answers "is this the
row of that name?" only to somebody who holds the key, which is not in the database.

A patient's pseudonym is made under a random salt of the patient's own (`core_patientkey`), found by the blind index of
hospital and number. Erasing the patient deletes the salt: nobody, with all the platform's keys and the patient's number
in hand, can then tell which rows were theirs. A later visit begins under a new salt.
"""

from __future__ import annotations

import hmac
import secrets
import unicodedata
from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import Any

from django.conf import settings
from django.db import connection

from core.keyfiles import given_or_made
from core.prepared import Prepared

SALT_BYTES = 32
MIN_KEY_BYTES = 32
_PSEUDONYM = "patient pseudonym"
# The salts that are there, and new ones for the rest, in the order of the indexes as every request makes them: common
# table expressions for a statement that goes on with `found` and `made`. `when` may hold them back.
SALTS = """
    given AS (
        SELECT decode(i, 'hex') AS index, decode(s, 'hex') AS salt
        FROM unnest(%(patients)s::text[], %(patient_salts)s::text[]) AS n(i, s) WHERE {when}
    ), found AS (
        SELECT k.index, k.salt FROM core_patientkey k WHERE k.index IN (SELECT index FROM given)
    ), made AS (
        INSERT INTO core_patientkey (index, salt, created_at)
        SELECT index, salt, clock_timestamp() FROM given g
        WHERE NOT EXISTS (SELECT FROM found f WHERE f.index = g.index)
        ORDER BY index ON CONFLICT DO NOTHING RETURNING index, salt
    )
"""
# Each index with its salt, all in one value.
SALTED = "(SELECT string_agg(index || salt, ''::bytea) FROM (TABLE found UNION ALL TABLE made) AS s)"
_ASK = Prepared(f"WITH {SALTS.format(when='true')} SELECT {SALTED}")


class PatientsAsked:
    """A hospital's patients in the given order: what is asked of the database, and what is made of its answer.

    `hospital` is the short name of the institution, which is nobody else's: the code of a site may be another
    hospital's in another federation. The same number at two hospitals is two people. `values` are those of the places
    in `SALTS`.
    """

    def __init__(self, hospital: str, patients: Sequence[str]) -> None:
        self.patients, self.index = patients, _patient_index(hospital, patients)
        self.wanted = sorted(set(self.index.values()))
        drawn = _cut(secrets.token_bytes(SALT_BYTES * len(self.wanted)), SALT_BYTES)
        self.values = {"patients": _array(self.wanted), "patient_salts": _array(drawn)}

    def pseudonyms(self, salted: bytes | memoryview | None) -> list[str]:
        """The pseudonyms, from the value of `SALTED`. Salts that another request made at this moment are asked for."""
        salts = {found[:32]: found[32:] for found in _cut(bytes(salted or b""), 32 + SALT_BYTES)}
        if missed := [found for found in self.wanted if found not in salts]:
            with connection.cursor() as cursor:
                cursor.execute(
                    "SELECT index, salt FROM core_patientkey "
                    "WHERE index IN (SELECT decode(i, 'hex') FROM unnest(%s::text[]) AS n(i))",
                    [_array(missed)],
                )
                salts |= {bytes(found): bytes(salt) for found, salt in cursor.fetchall()}
        key = _key(_PSEUDONYM)
        return [_pseudonym(key, salts[index], index) for index in map(self.index.__getitem__, self.patients)]


def blind(purpose: str, text: str) -> str:
    """The blind index of a text, 64 hexadecimal digits: equal texts give equal indexes within one purpose."""
    return hmac.digest(_key(purpose), text.encode(), "sha256").hex()


def blind_all(purpose: str, texts: Sequence[str]) -> list[str]:
    """The blind indexes of many texts."""
    key = _key(purpose)
    return [hmac.digest(key, text.encode(), "sha256").hex() for text in texts]


def blind_address(purpose: str, text: str) -> str:
    """The blind index of an address or a name that people spell with other capitals and spaces around it."""
    return blind(purpose, unicodedata.normalize("NFKC", text).strip().casefold())


def patient_pseudonyms(hospital: str, patients: Sequence[str]) -> list[str]:
    """The pseudonyms of a hospital's patients, in the given order; a patient seen for the first time gets a salt.

    One query, or two where another request makes the same patient's salt at the same moment.
    """
    asked = PatientsAsked(hospital, patients)
    with connection.cursor() as cursor:
        _ASK.execute(cursor, asked.values)
        (salted,) = cursor.fetchone()
    return asked.pseudonyms(salted)


def patient_known(hospital: str, patient: str) -> str | None:
    """The pseudonym of a patient; None if the hospital never sent one of this number. Makes no salt."""
    index = _patient_index(hospital, [patient])[patient]
    with connection.cursor() as cursor:
        cursor.execute("SELECT salt FROM core_patientkey WHERE index = %s", [index])
        row = cursor.fetchone()
    return _pseudonym(_key(_PSEUDONYM), bytes(row[0]), index) if row else None


def patient_forget(hospital: str, patient: str) -> str | None:
    """Delete a patient's salt. Returns the pseudonym that it made, or None if the patient is not known."""
    index = _patient_index(hospital, [patient])[patient]
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM core_patientkey WHERE index = %s RETURNING salt", [index])
        row = cursor.fetchone()
    return _pseudonym(_key(_PSEUDONYM), bytes(row[0]), index) if row else None


def _array(values: Iterable[bytes]) -> str:
    """Many byte strings as one literal, which the database reads much faster than a list of literals."""
    return "{" + ",".join([value.hex() for value in values]) + "}"


def _cut(whole: Any, width: int) -> list[Any]:
    """A row of equal pieces, taken apart."""
    return [whole[at : at + width] for at in range(0, len(whole), width)]


def _patient_index(hospital: str, patients: Sequence[str]) -> dict[str, bytes]:
    key = _key("patient")
    return {patient: hmac.digest(key, f"{hospital}\n{patient}".encode(), "sha256") for patient in patients}


def _pseudonym(key: bytes, salt: bytes, index: bytes) -> str:
    """Under the platform's key and the patient's salt: without either of them it cannot be made again."""
    return hmac.digest(key, salt + index, "sha256").hex()


def _key(purpose: str) -> bytes:
    return _purpose_key(str(settings.VAR), settings.INDEX_KEY_FILE, purpose)


@lru_cache(maxsize=64)
def _purpose_key(var: str, given: str, purpose: str) -> bytes:
    _, key = given_or_made(given, "QFL_INDEX_KEY_FILE", "index", lambda: secrets.token_bytes(MIN_KEY_BYTES))
    key = key.strip() if given else key  # a line's end in a secret store is not part of the key
    if len(key) < MIN_KEY_BYTES:
        raise ValueError(
            f"QFL_INDEX_KEY_FILE: expected at least {MIN_KEY_BYTES} bytes (openssl rand -hex 32), got {len(key)}"
        )
    return hmac.digest(key, f"qfl-ethics/blind-index/v1\n{purpose}".encode(), "sha256")
