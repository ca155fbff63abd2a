"""Who, what and why as one text: what a transaction says of itself, and what waits in the outbox until it is entered.

One setting and one column instead of four: each captured row pays for looking a setting up and for writing a column.
"""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple
from uuid import UUID

SETTING = "qfl.context"
SEPARATOR = "\x1f"  # ASCII's own unit separator


class Said(NamedTuple):
    """Who (None: nobody said so), what and why."""

    actor: UUID | None = None
    action: str = ""
    request_id: str = ""
    reason: str = ""

    def text(self) -> str:
        """The text that `read` understands. The reason stands last: it may hold anything, a separator too."""
        clean = (part.replace(SEPARATOR, " ") for part in (str(self.actor or ""), self.action, self.request_id))
        return SEPARATOR.join([*clean, self.reason])


@lru_cache(maxsize=1024)
def read(context: str | None) -> Said:
    """What a context says. Raw SQL can set anything; what has no form is kept whole as the reason of nobody.

    A row of the log is never held up by it, and never shown as somebody's who was not named properly.
    """
    if not context:
        return Said()
    parts = context.split(SEPARATOR, 3)
    try:
        actor = UUID(parts[0]) if parts[0] else None
        return Said(actor, *parts[1:]) if len(parts) == 4 else Said(reason=context)
    except ValueError:
        return Said(reason=context)
