"""What a site can be asked. A handler gets the order and the site's data and returns what may leave the site.

Other packages add kinds (the audits do) by a module named in SITE_HANDLERS that calls `handles`.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import cached_property
from typing import Any

import numpy as np

from federation.domain.data.dataset import SiteData, Splits, split_for_run
from federation.domain.data.registry import manifest, open_source
from federation.domain.learning import weights
from federation.domain.messages import Message, digest
from federation.domain.models.registry import build
from federation.domain.run_config import MODEL_NAMES, RunConfig
from federation.site.approvals import ApprovalError
from federation.site.home import SiteHome
from federation.site.opt_outs import told

logger = logging.getLogger("federation.site")
Tell = Callable[[dict[str, Any]], None]
Answer = tuple[dict[str, Any], dict[str, bytes]]


class OrderRefused(Exception):
    """The site will not do this, and says why."""


class NotApproved(OrderRefused):
    """The institution has not signed this at its site, or does so no more."""


@dataclass
class Site:
    """The site's data, loaded once a process. `data` and `manifest` are of all patients, also those who opted out."""

    home: SiteHome
    engine: str = "local"  # what brings the orders here
    ended: set[str] = field(default_factory=set)  # tags of runs on devices of which nothing more is handed in
    _manifests: dict[frozenset[str], dict[str, Any]] = field(default_factory=dict)

    @cached_property
    def source(self):
        return open_source(self.home.config.data)

    @cached_property
    def data(self) -> SiteData:
        found = self.source.load(self.home.config.site)
        for refusal in found.report.refused:
            logger.info("not used: %s", refusal)
        return found

    @cached_property
    def manifest(self) -> dict[str, Any]:
        return manifest(self.source, self.data)

    def stated(self) -> dict[str, Any]:
        """What the site says it holds now: without the patients who have opted out, and as it can be checked later."""
        out = self.home.opt_outs.ids()
        found = self.manifest_without(out)
        self.home.opt_outs.keep_stated(digest(found), out)
        return found

    def manifest_without(self, patients: frozenset[str]) -> dict[str, Any]:
        left_out = patients.intersection(self.data.record_ids)
        if not left_out:
            return self.manifest
        if left_out not in self._manifests:
            without, report, n = _without(self.data, left_out), self.data.report, len(left_out)
            fewer = replace(without, report=replace(report, found=report.found - n, used=report.used - n))
            self._manifests[left_out] = manifest(self.source, fewer) | {"opted_out": told(n)}
        return self._manifests[left_out]

    def patients_left(self) -> SiteData:
        """All patients but those who have opted out."""
        return _without(self.data, self.home.opt_outs.ids())

    def splits(self, seed: int) -> Splits:
        """Who trains and who is held out: the same in each round of a run, different at each site.

        All patients are split and those who have opted out are left out of their part, so that nobody changes parts.
        """
        return _parts_without(self._all_parts(seed), self.home.opt_outs.ids())

    def patients(self, config: RunConfig) -> Splits:
        """The patients of a run: those whom the consent was given for, less those who have opted out since."""
        return _parts_without(self.splits(config.seed), self._left_out_before(config))

    def opted_out_since(self, config: RunConfig) -> dict[str, int | str]:
        """For an answer: how many have opted out since the consent; nothing if none did."""
        since = self.home.opt_outs.ids().intersection(self.data.record_ids) - self._left_out_before(config)
        return {"opted_out_since": told(len(since))} if since else {}

    def trained_on(self, config: RunConfig) -> frozenset[str]:
        """Who may have been learned from, whether they have opted out since or not."""
        return frozenset(self._all_parts(config.seed).train.record_ids) - self._left_out_before(config)

    def check_data(self, config: RunConfig) -> None:
        """Refuse unless the data, less whom the manifest left out, are those that the run is frozen on."""
        promised, held = config.data_digests.get(self.home.config.site), self._left_out_before(config)
        if promised != digest(self.manifest_without(held)):
            raise OrderRefused(
                f"the run was consented to on data {promised}, this site now holds "
                f"{digest(self.manifest_without(held))}; propose a new run"
            )

    def _all_parts(self, seed: int) -> Splits:
        return split_for_run(self.data, site=self.home.config.site, seed=seed)

    def _left_out_before(self, config: RunConfig) -> frozenset[str]:
        return self.home.opt_outs.as_stated(config.data_digests.get(self.home.config.site, ""))


def _without(data: SiteData, patients: frozenset[str]) -> SiteData:
    kept = [i for i, patient in enumerate(data.record_ids) if patient not in patients]
    return data if len(kept) == data.n_patients else data.take(np.array(kept, dtype=np.int64))


def _parts_without(parts: Splits, patients: frozenset[str]) -> Splits:
    return Splits(*(_without(part, patients) for part in (parts.train, parts.validation, parts.audit)))


Handler = Callable[[Site, Message, Tell], Answer]
_handlers: dict[str, Handler] = {}
_quick: set[str] = set()
_masked: dict[str, Callable[[Site, Message, Answer], Answer]] = {}  # how answers of masked runs are changed


def handles(kind: str, *, quick: bool = False) -> Callable[[Handler], Handler]:
    """Register the handler of a kind of order.

    A quick one touches no data, is done beside whatever else is in hand, and is done again if it is asked again: its
    answers are not kept.
    """

    def register(handler: Handler) -> Handler:
        _handlers[kind] = handler
        (_quick.add if quick else _quick.discard)(kind)
        return handler

    return register


def masks(kind: str) -> Callable:
    """Register what makes of an answer in the clear what a run with secure aggregation may send."""

    def register(mask: Callable[[Site, Message, Answer], Answer]) -> Callable[[Site, Message, Answer], Answer]:
        _masked[kind] = mask
        return mask

    return register


def is_quick(kind: str) -> bool:
    return kind in _quick


def known_kinds() -> list[str]:
    return sorted(_handlers)


def handle(site: Site, order: Message, tell: Tell) -> Answer:
    if order.kind not in _handlers:
        raise OrderRefused(f"this worker does not know the order {order.kind!r}; update it or its SITE_HANDLERS")
    masked = ((order.body.get("config") or {}).get("security") or {}).get("masking")
    if order.kind in _masked and masked and not order.body.get("masking"):
        raise OrderRefused("the run was consented to under masks; this order asks for the answer in the clear")
    answer = _handlers[order.kind](site, order, tell)
    return _masked[order.kind](site, order, answer) if order.body.get("masking") else answer


def frozen_config(site: Site, order: Message) -> RunConfig:
    """The order's run configuration, only if the institution approved it at the site, and on the data that it holds."""
    config = read_config(order)
    try:
        site.home.approvals.require(
            config, training=order.kind in {"train", "evaluate"}, today=datetime.now(UTC).date()
        )  # fmt: skip
    except ApprovalError as error:
        raise NotApproved(str(error)) from error
    if config.carried_by != site.engine:
        raise OrderRefused(
            f"the run was consented to with its orders carried by {config.carried_by}; this one came by {site.engine}"
        )
    site.check_data(config)
    return config


def read_config(order: Message) -> RunConfig:
    config = RunConfig.from_dict(order.body["config"])
    if config.hash != order.body["config_hash"]:
        raise OrderRefused(f"the configuration hashes to {config.hash}, the consent is for {order.body['config_hash']}")
    return config


def load_models(order: Message, config: RunConfig) -> dict[str, Any]:
    """Both models with the weights that came with the order."""
    models: dict[str, Any] = {}
    for name in MODEL_NAMES:
        model = build(config.models[name])
        weights.load_state(model, weights.from_bytes(order.attachments[name], like=model))
        models[name] = model
    return models


@handles("manifest")
def send_manifest(site: Site, order: Message, tell: Tell) -> Answer:
    stated = site.stated()
    return {"manifest": stated, "digest": digest(stated), "sealing_key": site.home.sealing_key}, {}


@handles("propose", quick=True)
def keep_proposal(site: Site, order: Message, tell: Tell) -> Answer:
    """Keep a proposed configuration, so that people at the site can read it from their own disk and approve it."""
    config = read_config(order)
    site.home.approvals.keep_asked(config)
    found = site.home.approvals.latest(config.hash)
    return {"received": config.hash, "approval": found.public if found else None}, {}
