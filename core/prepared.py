"""Statements that the database plans once a connection, for those few that run hundreds of times a second.

Planning is most of what a small statement costs. What is prepared belongs to the connection, so a pooler between us and
the database must keep it (session pooling); nothing else is asked of it.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from typing import Any
from weakref import WeakKeyDictionary

_PLACE = re.compile(r"%\((\w+)\)s")
_held: WeakKeyDictionary[Any, set[str]] = WeakKeyDictionary()  # driver's connection -> what is prepared there


class Prepared:
    """One statement, written as for `cursor.execute` with named places; each place needs a type or a cast.

    Parameters
    ----------
    sql : str
        One statement with places ``%(name)s``; a per cent sign is doubled.
    """

    def __init__(self, sql: str) -> None:
        names = list(dict.fromkeys(_PLACE.findall(sql)))
        body = sql % {name: f"${number}" for number, name in enumerate(names, start=1)}
        self.name = f"qfl_{hashlib.sha256(body.encode()).hexdigest()[:16]}"
        self.prepare = f"PREPARE {self.name} AS {body}"
        places = ", ".join(f"%({name})s" for name in names)
        self.call = f"EXECUTE {self.name}" + (f" ({places})" if names else "")

    def execute(self, cursor: Any, values: Mapping[str, Any], *, before: str = "") -> None:
        """Run it on a cursor of Django's, preparing it on this connection first if that was not done yet.

        `before`: statements that are sent with it in one message, each ended by a semicolon.
        """
        held = _held.setdefault(cursor.connection, set())
        if self.name not in held:
            cursor.execute(self.prepare)
            held.add(self.name)
        cursor.execute(before + self.call, values)
