"""The site's own side of witnessing: its order, its folder, and that long work does not stand in its way."""

from __future__ import annotations

import threading
import time

import pytest

from federation.domain import messages
from federation.domain.messages import Message
from federation.site import handlers
from federation.site.handlers import Site, handles
from federation.site.home import SiteConfig, SiteHome
from federation.site.witness import open_witness
from federation.site.worker import Desk
from provenance.domain.witness import Answer, open_cosignatures
from tests.factories.forked_log import ORIGIN, SIGNERS, VKEYS, History, log_signers
from tests.factories.postbox import Recorder, carry_out

MAIN, FORK = History(), History(fork=10)
COORDINATOR = messages.new_key()


def make_site(folder, **config) -> Site:
    given = {"witness_name": "here.example/w", "log_keys": VKEYS, **config}
    return Site(SiteHome.create(folder, SiteConfig(
        "here", "phantom", messages.dump_public(COORDINATOR), "unix:///none", **given,
    )))  # fmt: skip


@pytest.fixture
def site(tmp_path) -> Site:
    return make_site(tmp_path / "site")


def ask(site: Site, request: bytes, key: str = "k", **more) -> Message:
    post = Recorder()
    body = {"request": request.decode(), **more}
    carry_out(site, post, messages.seal(Message("witness", "coordinator", "here", key, body), COORDINATOR))
    return messages.unseal(post.sent[0], sender="here", public_key=messages.dump_public(site.home.key))[0]


def test_the_answer_is_the_protocols_and_signed_by_the_site(site):
    said = ask(site, MAIN.ask(0, 20)).body
    assert (said["status"], said["old_size"], said["size"], said["name"]) == (200, 0, 20, "here.example/w")
    answer = Answer(said["status"], said["body"].encode(), said["content_type"])
    keys = [signer.verifier for signer in open_witness(site).signers]
    assert [key.vkey for key in keys] == said["vkeys"]
    assert len(open_cosignatures(MAIN.note(20), answer, keys)) == 2
    assert "latest" not in said


def test_a_refusal_shows_the_checkpoint_that_is_held_instead(site):
    ask(site, MAIN.ask(0, 20))
    for request, status in ((FORK.ask(20, 20), 409), (FORK.ask(20, 30), 422), (MAIN.ask(0, 30), 409)):
        said = ask(site, request).body
        assert said["status"] == status
        assert said["latest"].encode() == MAIN.note(20)
    assert ask(site, b"nonsense").body["status"] == 400
    assert ask(site, MAIN.ask(20, 30, log_signers(2))).body["status"] == 403


def test_what_it_cosigned_stays_in_its_own_folder_and_answers_are_not_kept(site, tmp_path):
    for n in range(5):
        ask(site, MAIN.ask(n, n + 1), key=f"k{n}")
    assert not list((site.home.folder / "answers").iterdir())
    assert (site.home.folder / "witness").stat().st_mode & 0o077 == 0
    again = make_site(tmp_path / "site")
    assert open_witness(again).log(ORIGIN).seen.size == 5


def test_the_same_order_again_is_done_again(site):
    assert ask(site, MAIN.ask(0, 20)).body["status"] == 200
    assert ask(site, MAIN.ask(0, 20)).body["status"] == 409


def test_the_keys_of_the_first_provisioning_stay(site, tmp_path):
    ask(site, MAIN.ask(0, 20))
    again = make_site(tmp_path / "site", log_keys=tuple(s.verifier.vkey for s in log_signers(2)), witness_name="x")
    assert ask(again, MAIN.ask(20, 30, log_signers(2))).body["status"] == 403
    assert ask(again, MAIN.ask(20, 30)).body["status"] == 200
    assert ask(again, MAIN.ask(30, 31)).body["name"] == "here.example/w"


def test_keys_that_the_old_ones_vouch_for_are_followed_through_several_changes(site):
    ask(site, MAIN.ask(0, 20))
    chain = [SIGNERS, log_signers(2), log_signers(3)]
    changes = [
        {"vkeys": [s.verifier.vkey for s in new], "note": MAIN.note(30, (*old, *new)).decode()}
        for old, new in zip(chain, chain[1:], strict=False)
    ]
    forged = [{"vkeys": changes[1]["vkeys"], "note": MAIN.note(30, log_signers(3)).decode()}]
    assert ask(site, MAIN.ask(20, 40, log_signers(3)), rotations=forged).body["status"] == 403
    assert ask(site, MAIN.ask(20, 40, log_signers(3)), rotations=changes).body["status"] == 200


@pytest.mark.parametrize("rotations", [7, [7], [{"vkeys": 7}], [{}], ["x"]])
def test_a_malformed_announcement_is_an_error_and_no_crash(site, rotations):
    said = ask(site, MAIN.ask(0, 20), rotations=rotations)
    assert not said.ok
    assert ask(site, MAIN.ask(0, 20)).ok


# --- beside long work ----------------------------------------------------------------------------------------------


@pytest.fixture
def desk(site, monkeypatch):
    """A desk with an order kind that waits until the test lets it go."""
    monkeypatch.setattr(handlers, "_handlers", dict(handlers._handlers))
    go, done = threading.Event(), []

    @handles("test-long")
    def long(site, order, tell):
        assert go.wait(10)
        done.append(order.key)
        return {}, {}

    made = Desk(site, Recorder(), lambda: None)
    made.go, made.done = go, done
    yield made
    go.set()


def long_order(key: str) -> Message:
    return Message("test-long", "coordinator", "here", key, {})


def until(condition) -> None:
    deadline = time.monotonic() + 5
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.005)


def test_a_site_witnesses_in_the_middle_of_a_long_order(site, desk):
    desk.put(long_order("train"))
    assert ask(site, MAIN.ask(0, 20)).body["status"] == 200
    assert desk.done == []
    desk.go.set()
    until(lambda: desk.done == ["train"])


def test_long_orders_are_done_in_turn_and_one_that_is_asked_again_is_done_once(desk):
    for key in ("a", "b", "a", "b", "c"):
        desk.put(long_order(key))
    desk.go.set()
    until(lambda: len(desk._postbox.sent) == 3)
    assert desk.done == ["a", "b", "c"]
    until(lambda: not desk._held)
    desk.put(long_order("a"))  # after that it is answered from the folder
    until(lambda: len(desk._postbox.sent) == 4)
    assert desk.done == ["a", "b", "c"]
    assert desk._postbox.sent[3] == desk._postbox.sent[0]


def test_a_postbox_that_fails_does_not_end_the_desk(desk, monkeypatch):
    with monkeypatch.context() as patch:
        patch.setattr(desk._postbox, "deliver", lambda text: 1 / 0)
        desk.go.set()
        desk.put(long_order("a"))
        until(lambda: desk.done == ["a"] and not desk._held)
    desk.put(long_order("b"))
    until(lambda: len(desk._postbox.sent) == 1)


def test_an_idle_worker_leaves_at_once(desk):
    started = time.monotonic()
    desk.stop()
    assert time.monotonic() - started < 0.5
