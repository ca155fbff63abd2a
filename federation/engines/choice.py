"""Which engine carries an order: that which its run's configuration was consented to with, else the local one.

A proposal names no run yet: it goes to the site's own worker, as all else does that is about no run. Where there is
none, because the site joined over FLARE alone, everything goes by FLARE.
"""

from __future__ import annotations

from federation.domain.run_config import carrier
from federation.engines import flare, local
from federation.engines.base import Engine
from federation.models import SiteOrder

ENGINES: dict[str, Engine] = {"local": local, "flare": flare}


def engine_of(order: SiteOrder) -> Engine:
    if order.participant.is_over_flare:
        return flare
    return ENGINES[carrier(order.body.get("config") or {} if "run" in order.body else {})]
