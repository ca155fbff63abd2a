"""The witness over real HTTP: the protocol's statuses, its limits, two histories, and kill -9 at the worst moment."""

from __future__ import annotations

import random
import signal
import socket
import threading
import time
from collections import Counter
from http.client import HTTPException

import pytest

from provenance.domain.checkpoint import parse_checkpoint
from provenance.domain.cosignature import verifier_from_vkey
from provenance.domain.errors import VerificationError
from provenance.domain.merkle import verify_consistency
from provenance.domain.note import parse_note, verify_note
from provenance.domain.witness import (
    MAX_REQUEST_BYTES,
    SIZE,
    find_split_view,
    open_cosignatures,
    parse_size,
)
from provenance.witness import server
from provenance.witness.state import WitnessHome
from tests.factories.forked_log import KEYS, ORIGIN, VKEYS, History, log_signers

MAIN, FORK = History(), History(fork=10)


def test_a_log_is_cosigned_as_it_grows_over_one_connection(witness, serve):
    client = serve(witness)
    assert parse_size(client.add(MAIN.ask(5, 20))) == 0  # a client that does not know asks, and is told
    keys = [verifier_from_vkey(line) for line in client.send("GET", "/keys").body.decode().split()]
    for old, new in ((0, 20), (20, 21), (21, 300)):
        answer = client.add(MAIN.ask(old, new))
        assert len(open_cosignatures(MAIN.note(new), answer, keys)) == 2
        assert answer.content_type.startswith("text/plain")
    shown = client.send("GET", f"/checkpoint?origin={ORIGIN}").body
    assert parse_checkpoint(shown).size == 300
    assert len(verify_note(parse_note(shown), [*KEYS, *keys])) == 4


@pytest.mark.parametrize(
    ("expected", "data"),
    [
        (400, b"old\n\nnonsense"),
        (400, MAIN.ask(0, 5).replace(b"old 0", b"old 6")),
        (403, MAIN.ask(0, 5, log_signers(2))),
        (404, MAIN.ask(0, 5).replace(ORIGIN.encode(), b"nobody.example")),
        (409, MAIN.ask(3, 5)),
        (422, MAIN.ask(0, 5).replace(b"old 0\n", b"old 0\nPlRNCrwHpqhGrupue0L7gxbjbMiKA9temvuZZDDpkaw=\n")),
    ],
)
def test_each_refusal_travels_as_its_status(witness, serve, expected, data):
    answer = serve(witness).add(data)
    assert answer.status == expected
    assert (answer.content_type == SIZE) == (expected == 409)


@pytest.mark.parametrize(
    ("expected", "method", "path", "body", "headers"),
    [
        (404, "POST", "/", b"x", {}), (404, "GET", "/add-checkpoint", None, {}), (404, "GET", "/checkpoint", None, {}),
        (404, "GET", "/checkpoint?origin=nobody", None, {}), (404, "GET", "/../keys", None, {}),
        (413, "POST", "/add-checkpoint", b"", {"Content-Length": str(MAX_REQUEST_BYTES + 1)}),
        (413, "POST", "/add-checkpoint", b"", {"Content-Length": "9" * 30}),
        (411, "POST", "/add-checkpoint", b"", {"Content-Length": "-1"}),
        (411, "POST", "/add-checkpoint", b"", {"Content-Length": "\u00b2"}),
        (411, "POST", "/add-checkpoint", b"0\r\n\r\n", {"Transfer-Encoding": "chunked"}),
        (501, "PUT", "/add-checkpoint", b"x", {}),
    ],
)  # fmt: skip
def test_anything_else_is_refused_and_the_next_client_is_served(witness, serve, expected, method, path, body, headers):
    client = serve(witness)
    assert client.send(method, path, body, headers).status == expected
    assert type(client)(client.port).add(MAIN.ask(0, 5)).status == 200


def test_a_slow_client_is_hung_up_on_and_nobody_else_waits(witness, serve, monkeypatch):
    monkeypatch.setattr(server, "CONNECTION_SECONDS", 0.5)
    client = serve(witness)
    with socket.create_connection(("127.0.0.1", client.port), timeout=10) as slow:
        slow.sendall(b"POST /add-checkpoint HTTP/1.1\r\nContent-Length: 1000\r\n\r\nold")
        assert client.add(MAIN.ask(0, 5)).status == 200
        started = time.monotonic()
        assert slow.recv(100) == b""
        assert time.monotonic() - started < 5


def test_more_connections_than_it_takes_are_dropped_and_it_recovers(witness, serve, monkeypatch):
    monkeypatch.setattr(server, "MAX_CONNECTIONS", 3)
    client = serve(witness)
    held = [socket.create_connection(("127.0.0.1", client.port), timeout=10) for _ in range(3)]
    deadline = time.monotonic() + 5
    with socket.create_connection(("127.0.0.1", client.port), timeout=10) as fourth:
        assert fourth.recv(100) == b""
    for connection in held:
        connection.close()
    while time.monotonic() < deadline:
        try:
            assert type(client)(client.port).add(MAIN.ask(0, 5)).status in (200, 409)
            return
        except OSError:
            time.sleep(0.05)
    raise AssertionError("the witness did not take connections again")


def test_two_witnesses_that_were_shown_two_histories_convict_the_log(tmp_path, serve):
    clients = []
    for name, history in (("a.example", MAIN), ("b.example", FORK)):
        home = WitnessHome.create(tmp_path / name, name=name)
        home.trust(VKEYS)
        client = serve(home)
        assert client.add(history.ask(0, 9)).status == 200  # before the fork both see the same
        assert client.add(history.ask(9, 40)).status == 200
        clients.append(client)
    shown = [client.send("GET", f"/checkpoint?origin={ORIGIN}").body for client in clients]
    assert find_split_view(shown, log_keys=KEYS).conclusive
    for client, history in zip(clients, (FORK, MAIN), strict=True):  # nor can the log talk either of them round
        assert client.add(history.ask(40, 50)).status == 422
        assert client.add(history.ask(40, 40)).status == 409


def test_at_different_sizes_the_log_owes_a_proof_that_it_cannot_give(tmp_path, serve):
    homes = [WitnessHome.create(tmp_path / name, name=name) for name in ("a", "b")]
    for home, history, size in zip(homes, (MAIN, FORK), (30, 40), strict=True):
        home.trust(VKEYS)
        assert home.add_checkpoint(history.ask(0, size)).status == 200
    roots = [home.log(ORIGIN).seen.root for home in homes]
    for history in (MAIN, FORK):
        with pytest.raises(VerificationError):
            verify_consistency(
                old_size=30, new_size=40, old_root=roots[0], new_root=roots[1], proof=history.proof(30, 40)
            )


# --- as a program --------------------------------------------------------------------------------------------------

DIES_BEFORE_IT_COSIGNS = """
import os, signal
from provenance.witness import state
state.cosign = lambda *a: os.kill(os.getpid(), signal.SIGKILL)
"""


def test_killed_between_keeping_and_answering_it_holds_to_what_it_kept(program):
    dying = program(prelude=DIES_BEFORE_IT_COSIGNS)
    with pytest.raises((OSError, HTTPException)):
        dying.client().add(MAIN.ask(0, 20))
    assert dying.process.wait(timeout=10) == -signal.SIGKILL
    client = program().client()
    assert parse_size(client.add(FORK.ask(0, 20))) == 20  # the other history is refused
    assert parse_size(client.add(FORK.ask(20, 20))) == 20
    assert client.add(FORK.ask(20, 30)).status == 422
    assert client.add(MAIN.ask(20, 20)).status == 200  # and the cosignature that was lost can be had


def test_killed_at_any_moment_it_never_cosigns_two_roots_of_one_size(program):
    """Two histories ask in turn; the witness is killed in the middle of it, again and again."""
    rng = random.Random(7)
    signed: dict[int, set[bytes]] = {}
    refused = Counter()

    def ask(client) -> None:
        history = rng.choice((MAIN, FORK))
        answer = client.add(history.ask(0, 1))
        held = parse_size(answer) if answer.status == 409 else 1
        new = min(300, held + rng.randint(0, 3))
        answer = client.add(history.ask(held, new))
        if answer.status == 200:
            signed.setdefault(new, set()).add(history.root(new))
        refused[answer.status] += 1

    def until_killed(client) -> None:
        while True:
            ask(client)

    for _ in range(6):
        running = program()
        client = running.client()
        threading.Timer(rng.uniform(0.1, 0.4), running.process.kill).start()
        with pytest.raises((OSError, HTTPException)):
            until_killed(client)
    assert len(signed) > 20 and refused[409] + refused[422] > 20, refused
    assert all(len(roots) == 1 for roots in signed.values())


def test_a_restart_keeps_keys_and_memory(program):
    first = program()
    client = first.client()
    keys = client.send("GET", "/keys").body
    assert client.add(MAIN.ask(0, 20)).status == 200
    first.process.terminate()
    assert first.process.wait(timeout=10) == 0
    client = program().client()
    assert client.send("GET", "/keys").body == keys
    assert parse_size(client.add(MAIN.ask(0, 30))) == 20
    assert client.add(MAIN.ask(20, 30)).status == 200


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--log", "no key"), "verifier key"),
        (("--listen", "nowhere"), "HOST:PORT"),
        (("--name", "two words"), "key name"),
        (("--log", log_signers(2)[0].verifier.vkey, "--vouched", "/nonexistent"), "No such file"),
    ],
)
def test_a_wrong_call_is_told_in_one_line(program, arguments, words):
    process = program(*arguments).process
    _, errors = process.communicate(timeout=20)
    assert process.returncode == 2
    assert words in errors and "Traceback" not in errors


def test_other_keys_for_a_known_log_are_refused_at_the_start(program, tmp_path):
    first = program()
    assert first.client().add(MAIN.ask(0, 20)).status == 200
    first.end()
    new = log_signers(2)
    given = [argument for signer in new for argument in ("--log", signer.verifier.vkey)]
    second = program(*given)
    _, errors = second.process.communicate(timeout=20)
    assert second.process.returncode == 2 and "pinned to other keys" in errors


def test_the_program_needs_nothing_of_the_platform(program):
    names = ("django", "psycopg2", "redis", "celery", "web3", "torch", "numpy")
    blocked = f"import sys\nfor name in {names}: sys.modules[name] = None"
    assert program(prelude=blocked).client().add(MAIN.ask(0, 20)).status == 200
