"""The whole protocol between real clients and a real server, with sites lost at each stage."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import chisquare

from federation.domain.secure import shamir
from federation.domain.secure.aggregation import (
    AggregationRefused,
    Client,
    Reveal,
    Server,
    Session,
    Shares,
    default_threshold,
)
from federation.domain.secure.field import Field, Quantiser
from federation.domain.secure.masks import Stream, pair_secret

FIELD = Field(16)


class Trial:
    """Sites `a`, `b`, ... with vectors of their own; stages run by hand, with some sites absent."""

    def __init__(self, n: int, *, size: int = 6, threshold: int | None = None, name: str = "run:1:train") -> None:
        sites = tuple("abcdefghij"[:n])
        self.session = Session(name, sites, threshold or default_threshold(n), FIELD, size)
        shared = {
            pair: pair_secret(bytes([i]) * 32, run="run", sites=pair, transcript=())
            for i, pair in enumerate(itertools.combinations(sites, 2))
        }
        self.clients = {
            site: Client(
                self.session,
                site,
                {p: shared[tuple(sorted((site, p)))] for p in sites if p != site},
                site.encode() * 32,
            )
            for site in sites
        }
        self.vectors = {site: Stream(site.encode() * 32).elements(size, FIELD) for site in sites}
        self.server = Server(self.session)

    def run(self, *, no_shares: str = "", no_vector: str = "", no_answer: str = ""):
        for site in set(self.session.sites) - set(no_shares):
            self.server.take_shares(site, self.clients[site].shares())
        dealt = self.server.deal()
        present = self.server.present
        for site in sorted(set(present) - set(no_vector)):
            self.server.take_masked(site, self.clients[site].masked(self.vectors[site], present=present))
        counted = self.server.close()
        for site in set(counted) - set(no_answer):
            reveal = self.clients[site].unmask(present=present, counted=counted, received=dealt[site])
            self.server.take_reveal(site, reveal)
        return self.server.total(), counted

    def plain(self, sites) -> list[int]:
        return (sum(self.vectors[site].astype(np.int64) for site in sites) % FIELD.modulus).tolist()


def test_all_take_part_and_the_sum_is_the_plain_sum():
    trial = Trial(5)
    total, counted = trial.run()
    assert counted == tuple("abcde")
    assert total.tolist() == trial.plain("abcde")


@pytest.mark.parametrize(
    ("lost", "counted"),
    [
        ({"no_shares": "be"}, "acdfg"),  # before anything was sent
        ({"no_vector": "be"}, "acdfg"),  # shares sent, vector not: its escrow is opened
        ({"no_answer": "be"}, "abcdefg"),  # vector sent, then gone: counted all the same
        ({"no_shares": "a", "no_vector": "g"}, "bcdef"),
        ({"no_vector": "a", "no_answer": "b"}, "bcdefg"),
        ({"no_vector": "ag"}, "bcdef"),  # the first and the last, so that both signs of the masks are left over
    ],
)
def test_up_to_the_stated_share_may_drop_out_at_any_stage(lost, counted):
    trial = Trial(7)
    assert trial.session.threshold == 5
    total, who = trial.run(**lost)
    assert who == tuple(counted)
    assert total.tolist() == trial.plain(counted)


@pytest.mark.parametrize("stage", ["no_shares", "no_vector", "no_answer"])
def test_below_the_threshold_nothing_is_opened_whatever_the_stage(stage):
    with pytest.raises(AggregationRefused, match=r"4 of 7 sites .* threshold is 5"):
        Trial(7).run(**{stage: "bde"})


@settings(max_examples=25, deadline=None)
@given(st.integers(3, 8), st.data())
def test_any_pattern_of_loss_gives_the_sum_of_the_counted_or_a_refusal(n, data):
    trial = Trial(n, size=3)
    site = st.sampled_from(trial.session.sites)
    lost = {s: "".join(data.draw(st.lists(site, max_size=3))) for s in ("no_shares", "no_vector", "no_answer")}
    try:
        total, counted = trial.run(**lost)
    except AggregationRefused:
        left = set(trial.session.sites) - set(lost["no_shares"]) - set(lost["no_vector"]) - set(lost["no_answer"])
        assert len(left) < trial.session.threshold
    else:
        assert total.tolist() == trial.plain(counted)


def test_the_mean_of_real_updates_is_the_plain_mean_to_the_quantisation_error():
    n, size = 10, 500
    quantiser = Quantiser(FIELD, clip=0.1, parties=n)
    trial = Trial(n, size=size)
    updates = {site: np.random.default_rng(i).normal(0, 0.03, size) for i, site in enumerate(trial.session.sites)}
    for site, update in updates.items():
        trial.vectors[site] = quantiser.encode(update)
    total, counted = trial.run(no_vector="c")
    plain = np.mean([np.clip(updates[site], -0.1, 0.1) for site in counted], axis=0)
    assert np.abs(quantiser.decode(total) / len(counted) - plain).max() <= quantiser.step / 2 + 1e-12


def test_a_curious_server_sees_uniform_vectors_even_of_sites_that_send_zeros():
    trial = Trial(4, size=60_000)
    zeros = np.zeros(60_000, dtype=np.uint32)
    sent = {site: client.masked(zeros, present=trial.session.sites) for site, client in trial.clients.items()}
    partial = sum(vector.astype(np.int64) for site, vector in sent.items() if site != "d") % FIELD.modulus
    for vector in [*sent.values(), partial]:  # neither one site nor all but one can be told from noise
        counts, _ = np.histogram(vector, bins=50, range=(0, FIELD.modulus))
        expected = np.histogram(np.arange(FIELD.modulus), bins=50, range=(0, FIELD.modulus))[0]
        assert chisquare(counts, expected / expected.sum() * len(vector)).pvalue > 1e-4
    assert abs(np.corrcoef(sent["a"], sent["b"])[0, 1]) < 0.03


def test_the_same_vector_looks_different_in_another_session():
    first, second = Trial(3), Trial(3, name="run:2:train")
    vector = first.vectors["a"]
    seen = [t.clients["a"].masked(vector, present=t.session.sites).tolist() for t in (first, second)]
    assert seen[0] != seen[1]


@pytest.mark.parametrize(
    ("n", "threshold", "drop", "collude"), [(3, 3, 0, 1), (4, 3, 1, 1), (7, 5, 2, 2), (10, 7, 3, 3)]
)
def test_the_stated_fractions(n, threshold, drop, collude):
    """As the module says: c < t, c <= 2t - n - 1, and at least two honest terms in the sum."""
    assert default_threshold(n) == threshold
    assert n - threshold == drop
    assert min(2 * threshold - n - 1, threshold - 2) == collude


def test_shares_of_fewer_than_the_threshold_do_not_open_a_mask():
    trial = Trial(5)
    for site in trial.session.sites:
        trial.server.take_shares(site, trial.clients[site].shares())
    dealt, present = trial.server.deal(), trial.server.present
    reveals = {
        s: trial.clients[s].unmask(present=present, counted=present, received=dealt[s]).own_masks["a"] for s in "bcd"
    }
    own = {trial.session.number(s): share for s, share in reveals.items()}
    assert trial.session.threshold == 4
    with pytest.raises(shamir.SharesError):
        shamir.combine(own, threshold=4)
    assert _guess(own) != trial.clients["a"]._own


def _guess(shares) -> bytes:
    try:
        return shamir.combine(shares, threshold=3)
    except shamir.SharesError:
        return b""


def test_a_site_gives_one_share_of_each_other_never_both():
    trial = Trial(5)
    for site in trial.session.sites:
        trial.server.take_shares(site, trial.clients[site].shares())
    dealt, present = trial.server.deal(), trial.server.present
    reveal = trial.clients["a"].unmask(present=present, counted=tuple("abcd"), received=dealt["a"])
    assert (sorted(reveal.own_masks), sorted(reveal.escrows)) == (list("abcd"), ["e"])


def test_shares_that_were_changed_or_meant_for_another_do_not_open():
    trial = Trial(3)
    for site in trial.session.sites:
        trial.server.take_shares(site, trial.clients[site].shares())
    dealt, present = trial.server.deal(), trial.server.present
    changed = {**dealt["a"], "b": dealt["a"]["b"][:-1] + bytes([dealt["a"]["b"][-1] ^ 1])}
    for received in (changed, {**dealt["a"], "b": dealt["c"]["b"]}, {**dealt["a"], "b": dealt["a"]["c"]}):
        with pytest.raises(AggregationRefused, match="b: what it sealed does not open"):
            trial.clients["a"].unmask(present=present, counted=present, received=received)


def refusals():
    trial = Trial(4)
    client, server = trial.clients["a"], trial.server
    shares = client.shares()
    yield lambda: Session("s", ("a", "b"), 2, FIELD, 1), "at least 3 sites"
    yield lambda: Session("s", ("b", "a", "c"), 3, FIELD, 1), "sorted"
    yield lambda: Session("s", tuple("abcdef"), 3, FIELD, 1), "threshold from 4 to 6"
    yield lambda: client.masked(trial.vectors["a"], present=("a", "b")), "threshold is 3"
    yield lambda: client.masked(trial.vectors["a"], present=("b", "c", "d")), "own shares are missing"
    yield lambda: client.masked(trial.vectors["a"], present=("a", "b", "z")), "sites of the session"
    yield lambda: client.masked(trial.vectors["a"][:2], present=tuple("abcd")), "6 elements"
    yield lambda: client.unmask(present=tuple("abc"), counted=tuple("abd"), received={}), "among"
    yield lambda: Client(trial.session, "a", {"b": bytes(32)}, bytes(32)), "each other site"
    yield lambda: server.take_shares("z", shares), "a site of the session"
    yield lambda: server.take_shares("b", shares), "for each other site"
    yield lambda: server.take_masked("a", trial.vectors["a"]), "sent shares"
    yield lambda: server.take_reveal("a", Reveal({}, {})), "after the vectors"


@pytest.mark.parametrize(("ask", "words"), list(refusals()))
def test_what_is_refused(ask, words):
    with pytest.raises(AggregationRefused, match=words):
        ask()


def test_nothing_counts_twice():
    trial = Trial(3)
    trial.run()
    client = trial.clients["a"]
    for again in (
        lambda: trial.server.take_shares("a", client.shares()),
        lambda: trial.server.take_masked("a", trial.vectors["a"]),
        lambda: trial.server.take_reveal("a", Reveal(dict.fromkeys("abc", b""), {})),
    ):
        with pytest.raises(AggregationRefused, match="once"):
            again()


def test_an_escrow_that_does_not_open_ends_the_session_with_its_site_named():
    trial = Trial(4)
    shares = trial.clients["b"].shares()
    trial.clients["b"].shares = lambda: Shares(shares.sealed, b"x" * 80)
    with pytest.raises(AggregationRefused, match="b: what it sealed does not open"):
        trial.run(no_vector="b")
