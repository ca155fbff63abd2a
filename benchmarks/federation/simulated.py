"""A hundred sites of a million parameters in one process: how much memory the server and all sites take."""

from __future__ import annotations

import multiprocessing
import resource
import time
from collections.abc import Iterator, Sequence

import numpy as np

from benchmarks.frame import Measure

METRIC = "federation.sim100_gib"
SITES, SIZE = 100, 1_000_000
QUICK_SITES = 20
DROPPED = 5


def measure(*, quick: bool, only: Sequence[str] = ()) -> Iterator[Measure]:
    """Largest resident memory, in a process of its own; the target is at most 8 GiB."""
    if only and not any(word in METRIC for word in only):
        return
    sites = QUICK_SITES if quick else SITES
    context = multiprocessing.get_context("spawn")
    with context.Pool(1) as pool:
        gib, seconds, error = pool.apply(simulate, (sites, SIZE))
    note = (
        f"target <= 8 GiB; {sites} sites x {SIZE:,} parameters, all coordinates, {DROPPED} sites lost after shares; "
        f"one round in {seconds:.1f} s, the mean off by {error:.1e} (a step is {1 / _levels(sites):.1e} of the clip)"
    )
    yield Measure(METRIC, gib, "GiB", note=note)


def _levels(sites: int) -> int:
    from federation.domain.secure.field import Field, Quantiser

    return Quantiser(Field(16), 1.0, sites).levels


def simulate(n_sites: int, size: int) -> tuple[float, float, float]:
    """One secure round in which each site holds its residual, as it does in a run; GiB, seconds, largest error."""
    from federation.domain.secure.aggregation import Client, Server, Session, default_threshold
    from federation.domain.secure.compression import ErrorFeedback
    from federation.domain.secure.config import SecurityConfig
    from federation.domain.secure.field import Field
    from federation.domain.secure.masks import derive, pair_secret
    from federation.domain.secure.update import UpdateCode

    sites = tuple(f"site-{n:03}" for n in range(n_sites))
    config = SecurityConfig.recommended(dict.fromkeys(sites, "0" * 64), most_records=1, keep=1.0, clip=1.0)
    code = UpdateCode.of(config, seed="run", round_number=1, size=size)
    session = Session("run:1:train", sites, default_threshold(n_sites), Field(16), size)
    started = time.perf_counter()

    def secrets(site: str) -> dict[str, bytes]:
        return {
            other: pair_secret(b"agreed", run="run", sites=(site, other), transcript=())
            for other in sites
            if other != site
        }

    clients = {site: Client(session, site, secrets(site), derive(site.encode(), "master")) for site in sites}
    owed = {site: ErrorFeedback(np.zeros(size, dtype=np.float32)) for site in sites}
    server, plain = Server(session), np.zeros(size)
    for site, client in clients.items():
        server.take_shares(site, client.shares())
    dealt = server.deal()
    for number, (site, client) in enumerate(clients.items()):
        if number < DROPPED:
            continue
        change = np.random.default_rng(number).normal(0, 0.2, size).astype(np.float32).clip(-1, 1)
        plain += change
        coded = code.encode(change, 1, owed[site], seed=derive(site.encode(), "rounding"))
        server.take_masked(site, client.masked(coded, present=server.present))
        owed[site].settle()
    counted = server.close()
    for site in counted:
        server.take_reveal(site, clients[site].unmask(present=server.present, counted=counted, received=dealt[site]))
    new = code.apply(np.zeros(size), server.total(), len(counted))
    error = float(np.abs(new - plain / len(counted)).max())
    gib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    return gib, time.perf_counter() - started, error
