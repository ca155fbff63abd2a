"""How the engines stand that have processes of their own: written by who watches them, read by the pages."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta

from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from core.errors import Conflict
from federation.domain.run_config import LOCAL
from federation.models import Participant
from federation.models_sites import EngineState

FRESH = timedelta(seconds=30)
State = EngineState.State
NOT_HERE = gettext_noop(
    "NVIDIA FLARE does not run beside this platform. Its operator installs it (`make flare`), sets QFL_FLARE to the "
    "address under which the sites reach it (host:port) and starts `manage.py run_flare`."
)
SILENT = gettext_noop(
    "The process that watches NVIDIA FLARE is silent. The platform's operator starts `manage.py run_flare` again."
)


def report(engine: str, state: str, detail: str = "", sites: dict | None = None) -> None:
    """What was seen just now."""
    EngineState.objects.update_or_create(
        engine=engine, defaults={"state": state, "detail": detail, "sites": sites or {}, "at": timezone.now()}
    )


def state_of(engine: str) -> EngineState | None:
    """The newest state; None if nobody ever watched this engine here."""
    return EngineState.objects.filter(engine=engine).first()


def is_fresh(state: EngineState) -> bool:
    return timezone.now() - state.at < FRESH


def why_not(engine: str) -> str:
    """Why no run can be carried by this engine now, and what to do; "" if one can."""
    if engine == LOCAL:
        return ""
    found = state_of(engine)
    if found is None:
        return NOT_HERE
    if not is_fresh(found):
        return SILENT
    return "" if found.state == State.READY else found.detail


def refuse_what_cannot_reach(engine: str, participants: Iterable[Participant]) -> None:
    """A site that joined over FLARE alone has no worker that the local engine could reach."""
    alone = sorted(one.site for one in participants if one.is_over_flare)
    if alone and engine == LOCAL:
        raise Conflict(
            _(
                "%(alone)s joined over NVIDIA FLARE alone, so this run's orders cannot reach the site by the "
                "platform's broker. Choose NVIDIA FLARE, or have it join again without --flare."
            )
            % {"alone": ", ".join(alone)}
        )


def refuse_unless_there(engine: str) -> None:
    if reason := why_not(engine):
        raise Conflict(reason)
