"""Silence shows: heartbeats are numbered, timed, signed, and name the tree they were made over."""

from __future__ import annotations

import pytest

from core.capture import record
from provenance import heartbeats
from provenance.domain.tiles import Frontier

pytestmark = pytest.mark.django_db


def test_beats_are_numbered_and_signed_over_the_tree(log):
    for _ in range(3):
        heartbeats.heartbeat_record(log.frontier)
        log.drain()
    pulse = heartbeats.pulse()
    assert (pulse.beats, pulse.missing, pulse.unsigned) == (3, 0, 0)
    assert (pulse.last.number, pulse.last.size, pulse.last.signed) == (3, 2, True)
    assert pulse.steady


def test_a_log_without_beats_is_not_steady(log):
    pulse = heartbeats.pulse()
    assert (pulse.beats, pulse.longest_silence, pulse.steady) == (0, None, False)


def test_a_silence_shows(log, settings):
    heartbeats.heartbeat_record(log.frontier)
    log.drain()
    assert heartbeats.pulse().steady
    settings.HEARTBEAT_SECONDS = 0
    assert not heartbeats.pulse().steady


@pytest.mark.parametrize(
    "body", [{}, {"note": 7}, {"note": "nonsense"}, {"note": "a\n1\n2\n3\n4\n\n\u2014 x AAAAAAAA\n"}]
)
def test_a_beat_that_the_log_did_not_sign_is_counted_as_such(log, body):
    record(table="provenance", operation="HEARTBEAT", object_id="log", body=body)
    log.drain()
    pulse = heartbeats.pulse()
    assert pulse.unsigned == 1 and not pulse.steady


def test_a_missing_beat_shows_by_its_number(log, monkeypatch):
    heartbeats.heartbeat_record(log.frontier)
    log.drain()
    with monkeypatch.context() as patch:
        patch.setattr(heartbeats, "_beat", lambda body: heartbeats.Beat(7, None, 0, b"", True))
        heartbeats.heartbeat_record(Frontier())
    log.drain()
    assert heartbeats.pulse().missing == 6


def test_the_beat_before_the_window_counts(log):
    """A silence that began earlier is as long as it is."""
    heartbeats.heartbeat_record(log.frontier)
    log.drain()
    pulse = heartbeats.pulse(hours=0)
    assert (pulse.beats, pulse.steady) == (0, False)
    assert pulse.last is not None and pulse.last.number == 1


def test_a_number_that_comes_twice_shows(log):
    heartbeats.heartbeat_record(log.frontier)
    heartbeats.heartbeat_record(log.frontier)  # the first one is not in the log yet
    log.drain()
    pulse = heartbeats.pulse()
    assert pulse.repeated == 1 and not pulse.steady
