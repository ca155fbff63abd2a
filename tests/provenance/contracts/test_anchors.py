"""Logs, roles and anchors: who may do what, and what can never be done."""

import random

import pytest

from provenance.chain.errors import ContractRefused, PrevMismatch, RootUnchanged, StaleAnchor
from provenance.chain.registry import ZERO_ROOT


def root(number):
    return number.to_bytes(32, "big")


@pytest.fixture
def log(chain):
    log_id = chain.registry.create_log(chain.owner, chain.salt())
    chain.registry.set_anchorer(chain.owner, log_id, chain.owner.address)
    return log_id


@pytest.fixture
def anchor(chain, log):
    def put(value, size, prev):
        return chain.registry.execute(chain.owner, "anchor", log, value, size, prev)

    return put


def refused(chain, signer, function, *arguments):
    with pytest.raises(ContractRefused) as caught:
        chain.registry.sign_call(signer, function, *arguments)
    return caught.value.name


def test_a_log_belongs_to_its_creator_and_its_id_to_chain_contract_owner_and_salt(chain, log):
    assert chain.registry.owner(log) == chain.owner.address
    assert refused(chain, chain.owner, "createLog", (1).to_bytes(32, "big")) == "LogExists"
    other = chain.signer()
    assert chain.registry.log_id(other.address, root(1)) != chain.registry.log_id(chain.owner.address, root(1))
    assert chain.registry.owner(chain.registry.log_id(other.address, root(1))) is None


def test_anchors_grow_and_keep_their_history(chain, log, anchor):
    anchor(root(1), 10, ZERO_ROOT)
    anchor(root(2), 25, root(1))
    head = chain.registry.head(log)
    assert (head.root, head.tree_size, head.seq) == (root(2), 25, 2)
    assert [chain.registry.root_at_size(log, size) for size in (10, 11, 25)] == [root(1), None, root(2)]


def test_an_anchor_that_goes_back_repeats_or_skips_is_refused(chain, log, anchor):
    anchor(root(1), 10, ZERO_ROOT)
    for arguments, error in (
        ((root(2), 10, root(1)), StaleAnchor),
        ((root(2), 9, root(1)), StaleAnchor),
        ((root(1), 10, ZERO_ROOT), StaleAnchor),  # the same anchor once more
        ((root(1), 11, root(1)), RootUnchanged),
        ((root(2), 11, root(7)), PrevMismatch),
        ((root(2), 11, ZERO_ROOT), PrevMismatch),
    ):
        with pytest.raises(error):
            chain.registry.sign_call(chain.owner, "anchor", log, *arguments)
    assert refused(chain, chain.owner, "anchor", log, ZERO_ROOT, 11, root(1)) == "ZeroRoot"


def test_only_an_anchorer_anchors_and_not_even_the_owner_without_the_role(chain):
    log_id = chain.registry.create_log(chain.owner, chain.salt())
    assert refused(chain, chain.owner, "anchor", log_id, root(1), 1, ZERO_ROOT) == "NotAnchorer"
    robot = chain.signer(funded=True)
    chain.registry.set_anchorer(chain.owner, log_id, robot.address)
    chain.registry.execute(robot, "anchor", log_id, root(1), 1, ZERO_ROOT)
    chain.registry.set_anchorer(chain.owner, log_id, robot.address, on=False)
    assert refused(chain, robot, "anchor", log_id, root(2), 2, root(1)) == "NotAnchorer"


def test_only_the_owner_appoints(chain, log):
    stranger = chain.signer(funded=True)
    for function, arguments in (
        ("setAnchorer", (stranger.address, True)),
        ("setOfficer", (stranger.address, True)),
        ("setProposer", (stranger.address, True)),
        ("setQuorum", (2,)),
        ("offerOwnership", (stranger.address,)),
    ):
        assert refused(chain, stranger, function, log, *arguments) == "NotOwner"


def test_a_key_that_anchors_neither_decides_nor_proposes(chain, log):
    officer, proposer = chain.signer(), chain.signer()
    chain.decisions.appoint(chain.owner, log, officer.address)
    chain.decisions.register(chain.owner, log, proposer.address)
    for person in (officer, proposer):
        assert refused(chain, chain.owner, "setAnchorer", log, person.address, True) == "RoleConflict"
    assert refused(chain, chain.owner, "setOfficer", log, chain.owner.address, True) == "RoleConflict"
    assert refused(chain, chain.owner, "setProposer", log, chain.owner.address, True) == "RoleConflict"
    chain.decisions.appoint(chain.owner, log, officer.address, on=False)
    assert chain.decisions.quorum(log) == (0, 0)


@pytest.mark.parametrize("quorum", [0, 1, 17])
def test_a_quorum_is_two_to_sixteen(chain, log, quorum):
    assert refused(chain, chain.owner, "setQuorum", log, quorum) == "QuorumOutOfRange"


def test_ownership_moves_in_two_steps(chain):
    log_id, heir, thief = (
        chain.registry.create_log(chain.owner, chain.salt()),
        chain.signer(funded=True),
        chain.signer(funded=True),
    )
    chain.registry.execute(chain.owner, "offerOwnership", log_id, heir.address)
    assert chain.registry.owner(log_id) == chain.owner.address
    assert refused(chain, thief, "acceptOwnership", log_id) == "NotOwner"
    chain.registry.execute(heir, "acceptOwnership", log_id)
    assert chain.registry.owner(log_id) == heir.address
    assert refused(chain, chain.owner, "setQuorum", log_id, 2) == "NotOwner"
    assert refused(chain, heir, "acceptOwnership", log_id) == "NotOwner"


def test_random_anchors_agree_with_a_model_in_python(chain, log):
    rng, size, seq, history = random.Random(7), 0, 0, [ZERO_ROOT]
    for _ in range(40):
        new = history[-1] if rng.random() < 0.1 and seq else root(rng.randrange(1, 2**64))
        prev = history[-1] if rng.random() < 0.7 else rng.choice([*history, root(9)])
        at = size + rng.randrange(-2, 6)
        if at < 0:
            continue
        accepted = at > size and new != history[-1] and prev == history[-1]
        try:
            chain.registry.execute(chain.owner, "anchor", log, new, at, prev)
        except ContractRefused:
            assert not accepted
            continue
        assert accepted
        size, seq = at, seq + 1
        history.append(new)
    head = chain.registry.head(log)
    assert seq > 5 and (head.root, head.tree_size, head.seq) == (history[-1], size, seq)
