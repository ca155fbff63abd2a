"""Secure aggregation: the server learns the sum of the sites' vectors and nothing else, also when some drop out.

A session adds up one vector of each site, in three answers of each:

1. **shares.** A site draws two secrets: `b`, the seed of a mask of its own, and `m`, which opens its *escrow*, the
   sealed list of its pairwise seeds of this session. It sends a share of both to every other site, encrypted for it.
2. **masked.** It sends its vector plus the mask of `b` plus, for each site of which it got shares, the pairwise mask
   (one of the two adds what the other subtracts).
3. **unmask.** Told whose vectors arrived, it sends its share of `b` of each of those, and its share of `m` of each site
   that sent shares and no vector; never both of the same site.

The server puts together `b` of who is counted, and `m`, hence the pairwise seeds, of who is not, and takes those masks
off the sum. A site that drops out after its vector arrived is counted all the same.

This is the protocol of [1]_ with ML-KEM-768 in the place of Diffie-Hellman. There the shared secret is the site's key
of the session; a KEM's sender has no such key, hence the escrow, which also spares agreeing anew in every session.

With n sites and a threshold t, the session ends well while at least t sites do. What one site sent stays hidden from a
server that colludes with c other sites if c < t, even if it tells different sites different things as long as
c <= 2t - n - 1: to unmask a site it needs t shares of `b` and t of `m`, and an honest site gives one of the two.
`default_threshold` is over two thirds: then c may be up to a third, and so may be those who drop out.

References
----------
.. [1] Bonawitz et al., "Practical secure aggregation for privacy-preserving machine learning", CCS 2017.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from federation.domain.secure import shamir
from federation.domain.secure.field import Elements, Field
from federation.domain.secure.masks import SEED_BYTES, MaskedSum, derive

MIN_SITES = 3  # with two, each would learn the other's vector from the sum
_NONCE = bytes(12)  # each key below encrypts one text only
_SHARES = 2 * shamir.SHARE_BYTES


class AggregationRefused(Exception):
    """The session cannot go on, or somebody asks what must not be answered."""


def default_threshold(sites: int) -> int:
    """Over two thirds of the sites, and never fewer than the smallest number whose sum hides its terms."""
    return min(sites, max(2 * sites // 3 + 1, MIN_SITES))


@dataclass(frozen=True)
class Session:
    """What everybody knows of a session.

    Attributes
    ----------
    name : str
        Unique, e.g. "<run>:<round>:train"; masks are drawn for it and never for another.
    sites : tuple of str
        Sorted; a site's place, from 1, is the number of its shares.
    threshold : int
    field : Field
    size : int
        Elements of a vector.
    """

    name: str
    sites: tuple[str, ...]
    threshold: int
    field: Field
    size: int

    def __post_init__(self) -> None:
        if self.sites != tuple(sorted(set(self.sites))) or len(self.sites) < MIN_SITES:
            raise AggregationRefused(
                f"expected at least {MIN_SITES} sites, sorted, each once, got {list(self.sites)}: with fewer, the sum "
                "shows a site the other's update"
            )
        least = max(MIN_SITES, len(self.sites) // 2 + 1)
        if not least <= self.threshold <= len(self.sites):
            raise AggregationRefused(
                f"expected a threshold from {least} to {len(self.sites)} of {len(self.sites)} sites, got "
                f"{self.threshold}; half of the sites or fewer could be played against the others"
            )

    def number(self, site: str) -> int:
        return self.sites.index(site) + 1

    def enough(self, sites: Iterable[str], what: str) -> tuple[str, ...]:
        """The sites, sorted. Raises AggregationRefused below the threshold, or for a stranger."""
        found = tuple(sorted(set(sites)))
        if strangers := set(found) - set(self.sites):
            raise AggregationRefused(f"expected sites of the session, got {sorted(strangers)}")
        if len(found) < self.threshold:
            raise AggregationRefused(
                f"{self.name}: {len(found)} of {len(self.sites)} sites {what}, the threshold is {self.threshold}; "
                "the sum is not opened"
            )
        return found


@dataclass(frozen=True)
class Shares:
    """A site's first answer."""

    sealed: Mapping[str, bytes]  # for each other site: the shares of b and m, encrypted for it
    escrow: bytes  # the pairwise seeds of this session, encrypted under m


@dataclass(frozen=True)
class Reveal:
    """A site's last answer: shares of b of the counted sites and of m of those that dropped out."""

    own_masks: Mapping[str, bytes]
    escrows: Mapping[str, bytes]


class Client:
    """A site in one session. It holds nothing but its keys: every answer can be made again, and is the same.

    Parameters
    ----------
    session : Session
    site : str
    secrets : mapping of every other site to the secret shared with it, see `masks.pair_secret`
    master : bytes, 32
        Drawn by the site for this session, told to nobody.

    That the answers are the same again holds only for the same questions. A site must not mask two different vectors,
    nor unmask two different sets of sites in one session: whoever runs the client keeps the first question.
    """

    def __init__(self, session: Session, site: str, secrets: Mapping[str, bytes], master: bytes) -> None:
        if set(secrets) != set(session.sites) - {site} or site not in session.sites:
            raise AggregationRefused(f"{site}: expected a secret with each other site, got {sorted(secrets)}")
        self.session, self.site = session, site
        self._secrets = secrets
        self._own, self._opener = derive(master, session.name, "b"), derive(master, session.name, "m")
        self._random = derive(master, session.name, "polynomials", length=64)

    def shares(self) -> Shares:
        by_site = self._split()
        sealed = {peer: _seal(self._channel(self.site, peer), by_site[peer]) for peer in self._secrets}
        seeds = b"".join(self._seed(peer) for peer in self.session.sites if peer != self.site)
        return Shares(sealed, _seal(derive(self._opener, "escrow"), seeds))

    def masked(self, elements: Elements, *, present: Sequence[str]) -> Elements:
        """The vector under its masks; `present` are the sites whose shares arrived, this one among them."""
        present = self.session.enough(present, "sent shares")
        if self.site not in present:
            raise AggregationRefused(f"{self.site} is told that its own shares are missing; it sends nothing")
        if elements.shape != (self.session.size,):
            raise AggregationRefused(f"expected {self.session.size} elements, got shape {elements.shape}")
        total = MaskedSum(elements, self.session.field)
        total.mask(self._own, sign=1)
        for peer in present:
            if peer != self.site:
                total.mask(self._seed(peer), sign=1 if self.site < peer else -1)
        return total.reduced()

    def unmask(self, *, present: Sequence[str], counted: Sequence[str], received: Mapping[str, bytes]) -> Reveal:
        """Shares to open the sum of `counted`, from what each present site sealed for this one (`received`)."""
        present = self.session.enough(present, "sent shares")
        counted = self.session.enough(counted, "sent a vector")
        if not set(counted) <= set(present):
            raise AggregationRefused(f"expected counted sites among {list(present)}, got {list(counted)}")
        own = self._split()[self.site]
        own_masks, escrows = {}, {}
        for peer in present:
            both = own if peer == self.site else _open(self._channel(peer, self.site), received[peer], peer)
            if len(both) != _SHARES:
                raise AggregationRefused(f"{peer}: expected shares of {_SHARES} bytes, got {len(both)}")
            if peer in counted:
                own_masks[peer] = both[: shamir.SHARE_BYTES]
            else:
                escrows[peer] = both[shamir.SHARE_BYTES :]
        return Reveal(own_masks, escrows)

    def _split(self) -> dict[str, bytes]:
        numbers = [self.session.number(site) for site in self.session.sites]
        parts = [
            shamir.split(secret, threshold=self.session.threshold, holders=numbers, random=random)
            for secret, random in ((self._own, self._random[:32]), (self._opener, self._random[32:]))
        ]
        return {site: b"".join(part[self.session.number(site)] for part in parts) for site in self.session.sites}

    def _seed(self, peer: str) -> bytes:
        return derive(self._secrets[peer], "mask", self.session.name)

    def _channel(self, sender: str, recipient: str) -> bytes:
        peer = recipient if sender == self.site else sender
        return derive(self._secrets[peer], "shares", self.session.name, sender, recipient)


class Server:
    """The aggregator in one session. It adds vectors as they come and never keeps one."""

    def __init__(self, session: Session) -> None:
        self.session = session
        self._shares: dict[str, Shares] = {}
        self._present: tuple[str, ...] = ()
        self._counted: set[str] = set()
        self._closed = False
        self._sum = MaskedSum(np.zeros(session.size, dtype=np.uint32), session.field)
        self._reveals: dict[str, Reveal] = {}

    def take_shares(self, site: str, shares: Shares) -> None:
        if self._present or site in self._shares or site not in self.session.sites:
            raise AggregationRefused(f"{site}: expected shares of a site of the session, once, before they are dealt")
        if set(shares.sealed) != set(self.session.sites) - {site}:
            raise AggregationRefused(f"{site}: expected shares for each other site, got {sorted(shares.sealed)}")
        self._shares[site] = shares

    def deal(self) -> dict[str, dict[str, bytes]]:
        """Close the first stage: what each present site is to be given of the others'."""
        self._present = self.session.enough(self._shares, "sent shares")
        return {
            site: {peer: self._shares[peer].sealed[site] for peer in self._present if peer != site}
            for site in self._present
        }

    @property
    def present(self) -> tuple[str, ...]:
        return self._present

    def take_masked(self, site: str, elements: Elements) -> None:
        if site not in self._present or site in self._counted or self._closed:
            raise AggregationRefused(f"{site}: expected a vector of a site that sent shares, once, in its stage")
        if elements.shape != (self.session.size,) or int(elements.max(initial=0)) >= self.session.field.modulus:
            raise AggregationRefused(f"{site}: expected {self.session.size} elements of the field")
        self._sum.add(elements)
        self._counted.add(site)

    def close(self) -> tuple[str, ...]:
        """Close the second stage: the sites whose vectors are counted."""
        counted = self.session.enough(self._counted, "sent a vector")
        self._closed = True
        return counted

    def take_reveal(self, site: str, reveal: Reveal) -> None:
        if site not in self._present or site in self._reveals or not self._closed:
            raise AggregationRefused(f"{site}: expected shares to unmask, once, after the vectors")
        if set(reveal.own_masks) != self._counted or set(reveal.escrows) != set(self._present) - self._counted:
            raise AggregationRefused(f"{site}: its shares do not answer the question")
        self._reveals[site] = reveal

    def total(self) -> Elements:
        """The sum of the counted vectors.

        Raises
        ------
        AggregationRefused
            Below the threshold, or if shares do not fit.
        """
        self.session.enough(self._reveals, "answered to unmask")
        try:
            for site in sorted(self._counted):
                self._sum.mask(self._combine({n: r.own_masks[site] for n, r in self._reveals.items()}), sign=-1)
            for site in sorted(set(self._present) - self._counted):
                opener = self._combine({n: r.escrows[site] for n, r in self._reveals.items()})
                self._take_off_pairs(site, _open(derive(opener, "escrow"), self._shares[site].escrow, site))
        except shamir.SharesError as error:
            raise AggregationRefused(f"{self.session.name}: {error}") from error
        return self._sum.reduced()

    def _combine(self, shares: Mapping[str, bytes]) -> bytes:
        numbered = {self.session.number(site): share for site, share in shares.items()}
        return shamir.combine(numbered, threshold=self.session.threshold)

    def _take_off_pairs(self, dropped: str, seeds: bytes) -> None:
        """The masks between a dropped site and each counted one, which nothing cancels any more."""
        peers = [peer for peer in self.session.sites if peer != dropped]
        if len(seeds) != SEED_BYTES * len(peers):
            raise AggregationRefused(f"{dropped}: its escrow does not hold a seed for each other site")
        for place, peer in enumerate(peers):
            if peer in self._counted:
                seed = seeds[SEED_BYTES * place : SEED_BYTES * (place + 1)]
                self._sum.mask(seed, sign=-1 if peer < dropped else 1)


def _seal(key: bytes, text: bytes) -> bytes:
    return AESGCM(key).encrypt(_NONCE, text, None)


def _open(key: bytes, sealed: bytes, site: str) -> bytes:
    try:
        return AESGCM(key).decrypt(_NONCE, sealed, None)
    except (InvalidTag, ValueError) as error:
        raise AggregationRefused(
            f"{site}: what it sealed does not open; it was changed, or is of another session"
        ) from error
