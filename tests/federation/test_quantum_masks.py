"""Quantum keys in the pairwise secrets of the masks, from a simulated key-management entity over mTLS."""

from __future__ import annotations

import itertools
import json
import threading

import numpy as np
import pytest

from federation import mailbox
from federation.domain.quantum.qkd.bb84 import Channel
from federation.domain.quantum.qkd.certificates import make_certificates
from federation.domain.quantum.qkd.entity import SimulatedEntity
from federation.domain.secure.config import SecurityConfig
from federation.forms import RunForm
from federation.models import RunEvent, SiteOrder
from federation.presentation.security import security_words
from federation.qkd_kme import KmeServer
from federation.site import secure
from tests.federation.test_secure_rounds import KINDS, SITES, State, Trial

pytestmark = pytest.mark.django_db
NAMES = [f"SAE-{number}" for number in range(1, SITES + 1)]


@pytest.fixture
def trial(tmp_path, monkeypatch):
    monkeypatch.setattr(mailbox, "order_send", lambda order: True)
    return Trial(tmp_path)


@pytest.fixture
def kme(tmp_path):
    make_certificates(tmp_path / "kme", NAMES)
    seeds = itertools.count()
    entity = SimulatedEntity(
        frozenset(NAMES), Channel(), pulses=1 << 14, rng=lambda: np.random.default_rng(next(seeds))
    )
    server = KmeServer(entity, tmp_path / "kme")
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    yield server
    server.shutdown()
    server.server_close()
    thread.join()


def connect(trial: Trial, kme: KmeServer, *, without: str = "") -> None:
    for number, (code, site) in enumerate(sorted(trial.sites.items()), start=1):
        files = {
            "authority": "../kme/ca.pem",
            "certificate": f"../kme/SAE-{number}.pem",
            "key": f"../kme/SAE-{number}.key",
        }
        peers = {peer: f"SAE-{peer[-1]}" for peer in trial.sites if peer not in {code, without}}
        (site.home.folder / "qkd.json").write_text(json.dumps({"url": kme.url, **files, "peers": peers}))


def test_a_masked_run_mixes_a_quantum_key_into_each_pair_and_opens_the_same_sum(trial, kme, monkeypatch):
    used = []
    combine = secure.combine
    monkeypatch.setattr(secure, "combine", lambda parts, **how: used.append(parts[1]) or combine(parts, **how))
    connect(trial, kme)
    run = trial.running({"qkd": True})
    for kind in KINDS:
        trial.answer(kind)
    run.refresh_from_db()
    assert run.state == State.FINISHED, run.stop_reason
    pairs = SITES * (SITES - 1) // 2
    assert len(set(used)) == pairs  # each pair its own key, the same at both ends and in each stage
    told = json.dumps([order.answer for order in SiteOrder.objects.all()], default=str)
    assert told.count("key_id") == pairs and not any(secure._b64(key) in told for key in used)
    assert RunEvent.objects.filter(run=run, text__contains="with simulated quantum keys mixed in").exists()
    assert "quantum key distribution is mixed into" in security_words(run.config)


def test_a_site_without_a_link_refuses_and_the_run_says_why(trial, kme):
    connect(trial, kme, without="phantom-4")
    run = trial.running({"qkd": True})
    trial.answer("secure_keys")
    trial.answer("secure_pairs")
    run.refresh_from_db()
    assert run.state == State.FAILED and "no QKD link to phantom-4" in run.stop_reason


def test_the_part_is_as_before_without_quantum_keys_and_refused_without_masks():
    keys = {f"site-{number}": "ab" * 32 for number in range(3)}
    plain = SecurityConfig.recommended(keys, most_records=10)
    assert "qkd" not in plain.as_dict() and SecurityConfig.from_dict(plain.as_dict()) == plain
    mixed = SecurityConfig.recommended(keys, most_records=10, qkd=True)
    assert mixed.as_dict()["qkd"] is True and SecurityConfig.from_dict(mixed.as_dict()) == mixed
    with pytest.raises(ValueError, match="expected masking with qkd"):
        SecurityConfig.recommended(keys, most_records=10, masking=False, qkd=True)


def test_the_form_takes_quantum_keys_with_masks_alone():
    form = {"name": "R", "rounds": 1, "seed": 1, "quantum_keys": "on"}
    masked = RunForm({**form, "messages": "masked"}, task="segmentation")
    assert masked.is_valid() and masked.proposal()["security"]["qkd"] is True
    sealed = RunForm({**form, "messages": "sealed"}, task="segmentation")
    assert not sealed.is_valid() and set(sealed.errors) == {"quantum_keys"}
