"""An embedded chain with a registry on it, for the contract's own rules."""

import itertools
from types import SimpleNamespace

import pytest
from eth_account import Account

from provenance.chain.node import connect
from provenance.chain.registry import Registry
from provenance.chain.signer import LocalSigner
from tests.factories.office import Office

ETHER = 10**18


@pytest.fixture(scope="module")
def chain(tmp_path_factory):
    """Registry, decisions, an owner with gas, and a maker of further signers."""
    node = connect(f"embedded://{tmp_path_factory.mktemp('chain')}/chain.sqlite3")
    counter = itertools.count(100)

    def signer(*, funded=False):
        made = LocalSigner(Account.from_key(next(counter).to_bytes(32, "big")))
        if funded:
            node.w3.provider.fund(made.address, 100 * ETHER)
        return made

    owner = signer(funded=True)
    registry = Registry.deploy_or_load(node, owner)
    salts = (number.to_bytes(32, "big") for number in itertools.count(1))
    yield SimpleNamespace(
        node=node,
        registry=registry,
        decisions=Office(registry),
        owner=owner,
        signer=signer,
        salt=lambda: next(salts),
    )
    node.close()
