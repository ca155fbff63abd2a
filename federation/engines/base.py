"""What an engine must do: bring a sealed order to a site. Answers come back through the site's queue of results."""

from __future__ import annotations

from typing import Protocol


class Engine(Protocol):
    """Carries sealed texts, and can neither read a new meaning into them nor lose them for good.

    What it carries is signed by the coordinator and by the site, asked again until it is answered, and answered the
    same however often it is asked: an engine may deliver late, twice or not at all without harm.
    """

    name: str

    def send(self, channel: str, text: str) -> None:
        """Hand an order to the site of this channel over for delivery; raises if it cannot be handed over now."""
