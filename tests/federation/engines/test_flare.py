"""NVIDIA FLARE carries the same orders to the same code, from provisioned kits that permit nothing else."""

from __future__ import annotations

import numpy as np
import pytest

from federation.engines import flare, flare_kit
from federation.engines.flare_kit import EXECUTOR, RELAY, FlareMissing
from tests.factories.postbox import Recorder, carry_out
from tests.federation.engines.two_sites import SITES, Federation, end, homes_in, policy_of
from tests.federation.engines.two_sites import flare as flare_processes


@pytest.fixture(scope="module", autouse=True)
def _installed():
    try:
        flare_kit.python()
    except FlareMissing as missing:
        pytest.fail(str(missing))


class InHand:
    """The local engine's path without a broker between: the worker's own functions, in this process."""

    name = "in hand"

    def __init__(self, homes) -> None:
        from federation.site.handlers import Site

        self.sites = {site: Site(home) for site, home in homes.items()}
        self.sent: dict[str, list[str]] = {}

    def send(self, site: str, text: str) -> None:
        postbox = Recorder()
        carry_out(self.sites[site], postbox, text)
        self.sent[site] = postbox.sent


class Direct(Federation):
    def _answer(self, site, key, seconds):
        from federation.domain import messages

        public = messages.dump_public(self.homes[site].key)
        return messages.unseal(self.engine.sent[site][-1], sender=site, public_key=public)[0]


def test_the_kits_permit_our_relay_and_nothing_else(tmp_path):
    kits = flare_kit.provision(tmp_path, host="localhost", port=18_102, sites=SITES)
    for name, own in (("localhost", RELAY), ("phantom-1", EXECUTOR), ("phantom-2", EXECUTOR)):
        policy, resources = policy_of(kits / name)
        assert {rights.get("byoc") for rights in policy["permissions"].values()} == {"none"}
        assert policy["permissions"]["lead"]["submit_job"] == "none"
        assert resources["class_allow_list"] == [own]
        assert resources["class_list_enforcement_mode"] == "enforce"
        assert resources["allow_log_streaming"] is False
        assert "log_streamer" not in str(resources) and "/tmp/nvflare" not in str(resources)
        assert any(path.suffix == ".crt" for path in (kits / name / "startup").iterdir())


def test_two_rounds_give_the_same_weights_as_the_local_engine(tmp_path):
    here = homes_in(tmp_path / "here")
    expected, _ = Direct(InHand(here), here).trained(rounds=2)
    homes = homes_in(tmp_path / "there")
    processes = flare_processes(homes, tmp_path)
    try:
        found, updates = Federation(flare, homes).trained(rounds=2)
    finally:
        end(processes)
    assert len(updates) == 4
    for model, state in expected.items():
        for name, value in state.items():
            np.testing.assert_allclose(found[model][name], value, rtol=0, atol=1e-6, err_msg=f"{model} {name}")
