"""What a batch of events asks of the database, in two statements: one opens it, one closes it.

Between the two the pseudonyms are made, which need the patients' salts, and the rows that bear them. Both statements
are joined from the parts that other ways in run one by one, so each part stands once, beside what it is about.
"""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import connection

from audits.runtime.batches import BATCH, batch_announce
from audits.runtime.counting import TAKE, counted
from audits.runtime.idempotency import CLAIM, KEEP, Claim
from audits.runtime.names import ENTER, ENTERED, CaseName, names_values, not_entered
from audits.runtime.rollups import ADD, RollupSums
from core.prepared import Prepared
from core.pseudonyms import SALTED, SALTS, PatientsAsked

# Each part waits for the one before: locks are taken in the order in which every way in takes them.
_MINE = "(SELECT so FROM mine)"
_OPEN = Prepared(f"""
    WITH claim AS ({CLAIM.format()}),
    mine AS MATERIALIZED (SELECT %(key)s::text IS NULL OR EXISTS (SELECT FROM claim) AS so),
    {SALTS.format(when=_MINE)},
    names AS ({ENTER.format(when=f"{_MINE} AND (SELECT count(*) FROM made) >= 0")})
    SELECT {_MINE}, {SALTED}, {ENTERED.format()}
""")
_CLOSE = Prepared(f"""
    WITH counted AS ({TAKE.format(kind="predictions")}),
    batch AS ({BATCH.format(first="first", after="FROM counted")} RETURNING first_position),
    {ADD.format(after="counted,")},
    kept AS ({KEEP.format(when="EXISTS (SELECT FROM counted)")})
    SELECT first_position FROM batch
""")


@dataclass(frozen=True)
class Opened:
    """A batch under way.

    Attributes
    ----------
    subjects : list of str
        The patients' pseudonyms.
    again : list of int
        Places of the cases that had a prediction already.
    """

    subjects: list[str]
    again: list[int]


def batch_open(
    *, claim: Claim, site: str, patients: Sequence[str], deployment_id: uuid.UUID, names: Sequence[CaseName],
    at: datetime,
) -> Opened | None:  # fmt: skip
    """Take the request's key, then find or make the patients' salts and enter the cases' names.

    None: another request has the key, and nothing was done.
    """
    asked = PatientsAsked(site, patients)
    with connection.cursor() as cursor:
        _OPEN.execute(cursor, {**claim.values, **asked.values, **names_values(deployment_id, "prediction", names, at)})
        mine, salted, entered = cursor.fetchone()
    return Opened(asked.pseudonyms(salted), not_entered(names, entered)) if mine else None


def batch_close(*, batch: dict[str, Any], sums: RollupSums, claim: Claim, answer: dict) -> int:
    """Count the rows, enter their batch into the ledger, add up the sums and keep the answer. Returns the first number.

    Run it last: the counter's row is locked from here to the commit.
    """
    values = {
        **sums.values(batch["deployment"], batch["site"]), **claim.values, **batch, "answer": claim.sealed(answer),
    }  # fmt: skip

    def close() -> int | None:
        with connection.cursor() as cursor:
            _CLOSE.execute(cursor, values)
            found = cursor.fetchone()
        return found and found[0]

    first = counted(batch["deployment"], close)
    batch_announce(batch["deployment"])
    return first
