"""Once a masked run: each pair of sites agrees on a secret, from which the masks of all rounds are derived.

secure_keys -> secure_pairs -> first round
"""

from __future__ import annotations

from core import jobs
from federation import training
from federation.models import SiteOrder, TrainingRun
from federation.secure_stages import answered_of, ask, is_masked, orders_of

State, Order = TrainingRun.State, SiteOrder.State


def agreed(run: TrainingRun) -> bool:
    """Whether the sites have their pairwise secrets; if not, they are asked for their keys."""
    if not is_masked(run):
        return True
    if has_secrets(run):
        return True
    for participant in training.participants_of(run):
        ask(run, run.id, participant, "secure_keys", "keys", {})
    return False


def has_secrets(run: TrainingRun) -> bool:
    """Whether every site has agreed on a secret with every other."""
    pairs = orders_of(run.id, "secure_pairs")
    return bool(pairs) and len(answered_of(pairs)) == len(pairs)


def agreement_answered(payload: dict) -> jobs.Effects:
    """A site sent its key of the run, or its ciphertexts for the others. All sites are needed."""

    def effects() -> None:
        order = SiteOrder.objects.select_related("participant__institution").get(id=payload["order"])
        run = training.lock_run(order.subject)
        if run.state not in {State.RUNNING, State.PAUSED}:
            return
        if order.state == Order.FAILED:
            training.fail(run, f"{order.participant}: {order.error}")
            return
        orders = orders_of(run.id, order.kind)
        if any(o.state != Order.ANSWERED for o in orders):
            return
        if order.kind == "secure_keys":
            _ask_pairs(run, orders)
        else:
            training.show(run, "round", f"The sites have agreed on the secrets of their masks{_quantum_words(orders)}")
            jobs.enqueue("run.begin", {"run": str(run.id)}, key=f"begin:{run.id}:agreed")

    return effects


def _quantum_words(orders: list[SiteOrder]) -> str:
    said = [o.answer["simulated_keys"] for o in orders if o.answer and "simulated_keys" in o.answer]
    return "" if not said else f", with {'simulated ' if any(said) else ''}quantum keys mixed in"


def _ask_pairs(run: TrainingRun, orders: list[SiteOrder]) -> None:
    keys = {o.participant.site: {**_texts(o, "key", "proof"), "signing_key": o.participant.public_key} for o in orders}
    for order in orders:
        ask(run, run.id, order.participant, "secure_pairs", "pairs", {"keys": keys})


def _texts(order: SiteOrder, *names: str) -> dict[str, str]:
    return {name: str((order.answer or {}).get(name, "")) for name in names}
