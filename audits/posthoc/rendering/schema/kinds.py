"""The kinds of values that a report is made of."""

import datetime as dt
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

SCHEMA = "qfl-ethics/biannual-report/1"

Text = Annotated[str, Meta(min_length=1, max_length=4000)]
Label = Annotated[str, Meta(min_length=1, max_length=300)]
# An identifier is shown in tables and used in evidence pointers ("audits/AUD-7"), so it holds no slash and no space.
Identifier = Annotated[str, Meta(pattern=r"^[A-Za-z0-9][A-Za-z0-9._:@+-]{0,79}$")]
Sha256 = Annotated[str, Meta(pattern=r"^[0-9a-f]{64}$")]
TransactionHash = Annotated[str, Meta(pattern=r"^0x[0-9a-f]{64}$")]
Instant = Annotated[dt.datetime, Meta(tz=True)]
Count = Annotated[int, Meta(ge=0, le=2**53 - 1)]
Probability = Annotated[float, Meta(ge=0, le=1)]
NonNegative = Annotated[float, Meta(ge=0)]
Verdict = Literal["PASS", "FAIL", "INCONCLUSIVE"]


class Record(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Base of every part: immutable, named fields only, and an unknown field is a fault."""
