"""What a batch of events asks of the database, in two statements: one opens it, one closes it.

Between the two the pseudonyms are made, which need the patients' salts, and the rows that bear them. Both statements
are joined from the parts that other ways in run one by one, so each part stands once, beside what it is about.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import connection

from audits.runtime.batches import BATCH, FEW, batch_announce, copy_lines, few_values
from audits.runtime.counting import TAKE, counted
from audits.runtime.idempotency import CLAIM, KEEP, Claim
from audits.runtime.names import ENTER, ENTERED, CaseName, names_values, not_entered
from audits.runtime.rollups import ADD, RollupSums
from core.context import TELL
from core.prepared import Prepared
from core.pseudonyms import SALTED, SALTS, PatientsAsked

AT_ONCE = 20  # rows up to which the closing statement stores them itself; COPY is faster for more
# Each part waits for the one before: locks are taken in the order in which every way in takes them.
_AFTER_SALTS = "(SELECT so FROM mine) AND (SELECT count(*) FROM made) >= 0"
_MINE, _COUNTED = "(SELECT so FROM mine)", "EXISTS (SELECT FROM counted)"
_OPEN = Prepared(f"""
    WITH claim AS ({CLAIM.format()}),
    mine AS MATERIALIZED (SELECT %(key)s::text IS NULL OR EXISTS (SELECT FROM claim) AS so),
    {SALTS.format(when=_MINE)},
    names AS ({ENTER.format(when=_AFTER_SALTS)})
    SELECT {_MINE}, {SALTED}, {ENTERED.format()}
""")  # noqa: S608 - constants
_CLOSE = Prepared(f"""
    WITH counted AS ({TAKE.format(kind="predictions")}),
    batch AS ({BATCH.format(first="first", after="FROM counted")} RETURNING first_position),
    stored AS ({FEW.format(when=_COUNTED)}),
    {ADD.format(after="counted,")},
    kept AS ({KEEP.format(when=_COUNTED)})
    SELECT first_position FROM batch
""")  # noqa: S608 - constants


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
    *, told: Mapping[str, str], claim: Claim, hospital: str, patients: Sequence[str], deployment_id: uuid.UUID,
    names: Sequence[CaseName], at: datetime,
) -> Opened | None:  # fmt: skip
    """Take the request's key, then find or make the patients' salts and enter the cases' names.

    `told` is what the transaction is recorded under (`core.context.governed_by_first`).

    None: another request has the key, and nothing was done.
    """
    asked = PatientsAsked(hospital, patients)
    with connection.cursor() as cursor:
        values = names_values(deployment_id, "prediction", names, at)
        _OPEN.execute(cursor, {**told, **claim.values, **asked.values, **values}, before=TELL)
        mine, salted, entered = cursor.fetchone()
    return Opened(asked.pseudonyms(salted), not_entered(names, entered)) if mine else None


def batch_close(
    *, batch: dict[str, Any], lines: Sequence[str], sums: RollupSums, claim: Claim, answer: dict
) -> int:  # fmt: skip
    """Store the rows, count them, enter their batch into the ledger, add up the sums and keep the answer.

    Returns the first number. Run it last: the counter's row is locked from here to the commit.
    """
    few = lines if len(lines) <= AT_ONCE else []
    if not few:
        copy_lines("prediction", lines)
    values = {
        **sums.values(batch["deployment"], batch["site"]), **claim.values, **batch, **few_values(few),
        "answer": claim.sealed(answer),
    }  # fmt: skip

    def close() -> int | None:
        with connection.cursor() as cursor:
            _CLOSE.execute(cursor, values)
            found = cursor.fetchone()
        return found and found[0]

    first = counted(batch["deployment"], close)
    batch_announce(batch["deployment"])
    return first
