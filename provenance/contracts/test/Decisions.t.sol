// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {AnchorRegistry} from "../AnchorRegistry.sol";
import {Office} from "./Office.sol";
import {vm} from "./Vm.sol";

/// @dev People 0 to 3 are officers, 3 to 5 proposers: person 3 is both. The quorum is two.
contract DecisionsTest is Office {
    uint256 private constant ORDER = 0xfffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141;
    bytes32 private constant SUBJECT = keccak256("subject");

    function setUp() public {
        open();
        for (uint256 who = 0; who < 4; who++) registry.setOfficer(log, people[who], true);
        for (uint256 who = 3; who < PEOPLE; who++) registry.setProposer(log, people[who], true);
        registry.setQuorum(log, 2);
    }

    function testFuzz_only_a_registered_proposer_proposes_and_only_for_themself(uint256 signer, uint256 named) public {
        (signer, named) = (signer % PEOPLE, named % PEOPLE);
        AnchorRegistry.Decision memory d = decision(AnchorRegistry.Verdict.Propose, people[named]);
        bool valid = signer == named && signer >= 3;
        require(accepts(d, signAll(1 << signer, registry.digestOf(d))) == valid);
        require(subjectOf(SUBJECT).proposer == (valid ? people[named] : address(0)));
    }

    function testFuzz_approval_takes_a_quorum_of_officers_without_the_proposer(uint256 proposer, uint256 mask) public {
        (proposer, mask) = (3 + proposer % 3, mask % 64);
        propose(proposer);
        AnchorRegistry.Decision memory d = decision(AnchorRegistry.Verdict.Approve, people[proposer]);
        bool officersOnly = mask & 48 == 0;
        bool valid = officersOnly && count(mask) >= 2 && !contains(mask, proposer);
        require(accepts(d, signAll(mask, registry.digestOf(d))) == valid);
        require(stateIs(valid ? AnchorRegistry.State.Approved : AnchorRegistry.State.Proposed));
    }

    function testFuzz_nothing_but_a_proposal_starts_a_subject(uint8 verdict, uint256 mask) public {
        AnchorRegistry.Decision memory d = decision(AnchorRegistry.Verdict(2 + verdict % 4), address(0));
        require(!accepts(d, signAll(mask % 16, registry.digestOf(d))));
        require(stateIs(AnchorRegistry.State.None));
    }

    function testFuzz_one_officer_halts_even_the_proposer(uint256 who) public {
        approve(3);
        AnchorRegistry.Decision memory d = decision(AnchorRegistry.Verdict.Halt, people[3]);
        require(accepts(d, signAll(1 << who % PEOPLE, registry.digestOf(d))) == (who % PEOPLE < 4));
    }

    function testFuzz_a_changed_field_voids_every_signature(uint8 field, bytes32 noise) public {
        vm.assume(noise != 0);
        approve(4);
        AnchorRegistry.Decision memory d = decision(AnchorRegistry.Verdict.Halt, people[4]);
        bytes[] memory signatures = signAll(1, registry.digestOf(d));
        field %= 5;
        if (field == 0) d.commitment ^= noise;
        else if (field == 1) d.subject ^= noise;
        else if (field == 2) d.logId ^= noise;
        else if (field == 3) d.expiresAt += 1 + uint8(uint256(noise));
        else d.verdict = AnchorRegistry.Verdict.Revoke;
        require(!accepts(d, signatures), "a signature served another decision");
    }

    function testFuzz_a_signature_serves_once_before_it_expires_on_this_chain(uint64 late, uint64 chain) public {
        approve(4);
        AnchorRegistry.Decision memory d = decision(AnchorRegistry.Verdict.Halt, people[4]);
        bytes[] memory signatures = signAll(1, registry.digestOf(d));
        chain = 1 + chain % type(uint32).max;
        if (chain != block.chainid) {
            uint256 here = block.chainid;
            vm.chainId(chain);
            require(!accepts(d, signatures), "on another chain");
            vm.chainId(here);
        }
        uint256 now_ = block.timestamp;
        vm.warp(uint256(d.expiresAt) + 1 + late);
        require(!accepts(d, signatures), "after its time");
        vm.warp(now_);
        require(accepts(d, signatures), "in its time");
        require(!accepts(d, signatures), "twice");
    }

    function testFuzz_no_bytes_but_an_officers_signature_halt(bytes calldata noise, uint8 v, bytes32 r, bytes32 s) public {
        approve(4);
        AnchorRegistry.Decision memory d = decision(AnchorRegistry.Verdict.Halt, people[4]);
        bytes[] memory signatures = new bytes[](1);
        signatures[0] = noise;
        require(!accepts(d, signatures));
        signatures[0] = abi.encodePacked(r, s, v);
        require(!accepts(d, signatures));
    }

    function testFuzz_the_mirrored_signature_is_no_second_one(uint256 who, bytes32 commitment) public {
        propose(4);
        AnchorRegistry.Decision memory d = decision(AnchorRegistry.Verdict.Approve, people[4]);
        d.commitment = commitment;
        (uint8 v, bytes32 r, bytes32 s) = vm.sign(keys[who % 4], registry.digestOf(d));
        bytes[] memory signatures = new bytes[](2);
        signatures[0] = abi.encodePacked(r, s, v);
        signatures[1] = abi.encodePacked(r, bytes32(ORDER - uint256(s)), 55 - v);
        require(!accepts(d, signatures), "one officer passed for two");
        signatures[1] = signatures[0];
        require(!accepts(d, signatures), "one officer passed for two");
    }

    function test_a_revoked_subject_stays_revoked() public {
        approve(4);
        AnchorRegistry.Decision memory d = decision(AnchorRegistry.Verdict.Revoke, people[4]);
        require(accepts(d, signAll(3, registry.digestOf(d))));
        for (uint8 verdict = 1; verdict <= 5; verdict++) {
            d = decision(AnchorRegistry.Verdict(verdict), people[4]);
            require(!accepts(d, signAll(verdict == 1 ? 16 : 3, registry.digestOf(d))));
        }
        require(stateIs(AnchorRegistry.State.Revoked));
    }

    // ----- helpers

    function decision(AnchorRegistry.Verdict verdict, address proposer)
        private
        view
        returns (AnchorRegistry.Decision memory)
    {
        uint64 nonce = subjectOf(SUBJECT).nonce;
        uint64 expiresAt = uint64(block.timestamp + 1 hours);
        return AnchorRegistry.Decision(log, SUBJECT, verdict, keccak256("why"), proposer, nonce, expiresAt);
    }

    function accepts(AnchorRegistry.Decision memory d, bytes[] memory signatures) private returns (bool ok) {
        (ok,) = address(registry).call(abi.encodeCall(registry.decide, (d, signatures)));
    }

    function propose(uint256 proposer) private {
        AnchorRegistry.Decision memory d = decision(AnchorRegistry.Verdict.Propose, people[proposer]);
        registry.decide(d, signAll(1 << proposer, registry.digestOf(d)));
    }

    function approve(uint256 proposer) private {
        propose(proposer);
        AnchorRegistry.Decision memory d = decision(AnchorRegistry.Verdict.Approve, people[proposer]);
        registry.decide(d, signAll(3, registry.digestOf(d)));
    }

    function stateIs(AnchorRegistry.State state) private view returns (bool) {
        return registry.stateOf(log, SUBJECT) == state;
    }
}
