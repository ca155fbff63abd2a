"""The figures at /metrics, and who may read them."""

from __future__ import annotations

import re
from datetime import timedelta
from io import StringIO

import pytest
from django.core.management import call_command
from django.utils import timezone

from provenance.metrics import Metric, anchor_lag, exposition, ledger_metrics
from provenance.models import Anchor, ChainState, Entry
from provenance.models_anchor import AnchorAttempt

pytestmark = pytest.mark.django_db
LINE = re.compile(r'[a-z_]+(\{[a-z]+="[^"\n]*"\})? -?[0-9.e+-]+')


def figures(now=None):
    return {(m.name, *m.labels.values()): m.value for m in ledger_metrics(now)}


def anchored(checkpoint, state="final", digit="a"):
    return Anchor.objects.create(
        checkpoint=checkpoint, prev_root=bytes(32), nonce=3, raw_tx=b"", tx_hash="0x" + digit * 64, state=state
    )


def test_an_empty_ledger_has_figures_and_no_invented_ones(log):
    found = figures()
    assert found[("ledger_entries",)] == found[("anchor_lag_events",)] == found[("anchor_lag_seconds",)] == 0
    assert ("ledger_checkpoint_age_seconds",) not in found and ("chain_head_entries",) not in found


def test_the_lag_is_what_no_final_anchor_holds_and_since_when(log):
    log.fill(3)
    first = log.sign()
    log.fill(4)
    now = timezone.now() + timedelta(seconds=100)
    assert anchor_lag(now).entries == 7
    anchored(first, state="signed")
    assert anchor_lag(now).entries == 7  # signed is not anchored
    Anchor.objects.update(state="final")
    lag = anchor_lag(now)
    assert lag.entries == 4
    assert lag.seconds == pytest.approx((now - Entry.objects.get(seq=3).at).total_seconds())
    anchored(log.sign(), digit="b")
    assert (anchor_lag(now).entries, anchor_lag(now).seconds) == (0, 0.0)


def test_an_anchor_under_way_shows_its_age_and_its_attempts(log):
    log.fill(1)
    anchor = anchored(log.sign(), state="signed")
    for number, nonce in ((1, 2), (1, 3), (2, 3)):  # the first is of a nonce that was given up
        AnchorAttempt.objects.create(
            anchor=anchor, chain_id=1, sender="0x", nonce=nonce, number=number, raw_tx=b"",
            tx_hash=f"0x{nonce}{number}", max_fee_per_gas=1, max_priority_fee_per_gas=1,
        )  # fmt: skip
    found = figures(anchor.created_at + timedelta(seconds=30))
    assert (found[("anchor_open_age_seconds",)], found[("anchor_open_attempts",)]) == (30, 2)
    assert (found[("anchors", "signed")], found[("anchors", "final")], found[("anchors", "failed")]) == (1, 0, 0)


def test_checkpoint_chain_and_outbox_are_shown(log):
    log.fill(5)
    checkpoint = log.sign()
    read_at = checkpoint.created_at - timedelta(seconds=50)
    ChainState.objects.create(
        chain_id=1, contract="0x", log_id="0x", head_size=4, head_root=b"", block_number=9, read_at=read_at
    )
    found = figures(checkpoint.created_at + timedelta(seconds=10))
    assert found[("ledger_checkpoint_entries",)] == 5 and found[("ledger_checkpoint_age_seconds",)] == 10
    assert found[("chain_head_entries",)] == 4 and found[("chain_block_number",)] == 9
    assert found[("chain_mirror_age_seconds",)] == 60
    assert found[("ledger_outbox_waiting",)] == 0 and found[("ledger_witnessed_entries",)] == 0


def test_the_text_is_prometheus_text(log, client):
    log.fill(2)
    log.sign()
    answer = client.get("/metrics")
    assert answer.status_code == 200 and answer["Content-Type"] == "text/plain; version=0.0.4; charset=utf-8"
    text = answer.content.decode()
    assert text.endswith("\n") and "\nanchor_lag_events 2\n" in text
    names = [line.split()[2] for line in text.splitlines() if line.startswith("# TYPE")]
    assert len(names) == len(set(names)) >= 10
    assert all(LINE.fullmatch(line) for line in text.splitlines() if not line.startswith("#"))


def test_labels_are_escaped():
    text = exposition([Metric("m", "Meaning.", 1.5, {"a": 'b"\\\n'})])
    assert text == '# HELP m Meaning.\n# TYPE m gauge\nm{a="b\\"\\\\\\n"} 1.5\n'


@pytest.mark.parametrize("address", ["127.0.0.1", "127.3.2.1", "::1"])
def test_this_machine_may_ask(log, client, address):
    assert client.get("/metrics", REMOTE_ADDR=address).status_code == 200


@pytest.mark.parametrize(
    "request_meta",
    [
        {"REMOTE_ADDR": "10.0.0.7"},
        {"REMOTE_ADDR": ""},
        {"HTTP_X_FORWARDED_FOR": "127.0.0.1"},
        {"HTTP_FORWARDED": "for=::1"},
    ],
)
def test_another_machine_or_a_proxy_may_not(log, client, request_meta):
    answer = client.get("/metrics", **request_meta)
    assert answer.status_code == 403 and b"METRICS_TOKEN_FILE" in answer.content


def test_with_a_token_whoever_has_it_may_ask_and_nobody_else(log, client, settings, tmp_path):
    token = tmp_path / "token"
    token.write_text("correct horse\n")
    settings.METRICS_TOKEN_FILE = str(token)
    far = {"REMOTE_ADDR": "10.0.0.7", "HTTP_X_FORWARDED_FOR": "10.0.0.8"}
    assert client.get("/metrics", **far, HTTP_AUTHORIZATION="Bearer correct horse").status_code == 200
    for wrong in ({}, {"HTTP_AUTHORIZATION": "Bearer "}, {"HTTP_AUTHORIZATION": "Bearer wrong"}):
        answer = client.get("/metrics", **wrong)  # from this machine too
        assert answer.status_code == 401 and answer["WWW-Authenticate"].startswith("Bearer")
    token.write_text("")
    assert client.get("/metrics", HTTP_AUTHORIZATION="Bearer ").status_code == 401
    token.unlink()
    assert client.get("/metrics", HTTP_AUTHORIZATION="Bearer correct horse").status_code == 401


@pytest.mark.parametrize("method", ["post", "put", "delete"])
def test_metrics_are_read_only(log, client, method):
    assert getattr(client, method)("/metrics").status_code == 405


def test_health_tells_the_lag(log):
    log.fill(3)
    said = StringIO()
    call_command("health", stdout=said)
    assert said.getvalue().startswith("ok\n") and "ledger: 3 entries not anchored" in said.getvalue()
