"""Which engine carries an order: that of its run, else the local one."""

from __future__ import annotations

from federation.engines import flare, local
from federation.engines.base import Engine
from federation.models import SiteOrder
from federation.models_sites import RunEngine

ENGINES: dict[str, Engine] = {"local": local, "flare": flare}


def engine_of(order: SiteOrder) -> Engine:
    chosen = RunEngine.objects.filter(run=order.body.get("run")).values_list("engine", flat=True).first()
    return ENGINES[chosen or "local"]
