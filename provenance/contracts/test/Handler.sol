// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {AnchorRegistry} from "../AnchorRegistry.sol";
import {Office} from "./Office.sol";
import {vm} from "./Vm.sol";

/// @notice Does random things to a log and keeps its own account of what must be true afterwards.
/// @dev    It owns the log and anchors to it. A failed `require` here fails the campaign (fail_on_revert).
contract Handler is Office {
    uint256 public constant SUBJECTS = 3;

    struct Account {
        AnchorRegistry.State state;
        address proposer;
        uint256 decisions;
    }

    uint64 public size;
    uint64 public anchors;
    uint64[] public sizes;
    bytes32[] public roots;
    uint256 public officerMask;
    uint256 public proposerMask;
    uint16 public quorum;
    uint256 public accepted;
    mapping(uint256 => Account) public accounts;

    constructor() {
        open();
        registry.setAnchorer(log, address(this), true);
        for (uint256 who = 0; who < PEOPLE; who++) {
            appoint(who, who < 4);
            register(who, who >= 3);
        }
        setQuorum(0);
    }

    function target() external view returns (AnchorRegistry, bytes32) {
        return (registry, log);
    }

    // ----- what the campaign calls

    function anchor(uint64 to, bytes32 root, uint8 step, bool follows) external {
        AnchorRegistry.Head memory head = registry.head(log);
        if (step < 192 && size < type(uint64).max - 4) to = size + step % 4;
        bytes32 prev = follows ? head.root : bytes32(uint256(7));
        bool valid = to > size && root != 0 && root != head.root && prev == head.root;
        try registry.anchor(log, root, to, prev) {
            require(valid, "an anchor that must be refused was accepted");
            (size, anchors) = (to, anchors + 1);
            sizes.push(to);
            roots.push(root);
        } catch {
            require(!valid, "an anchor that must be accepted was refused");
        }
    }

    function appoint(uint256 who, bool on) public {
        who %= PEOPLE;
        registry.setOfficer(log, people[who], on);
        officerMask = on ? officerMask | 1 << who : officerMask & ~(1 << who);
    }

    function register(uint256 who, bool on) public {
        who %= PEOPLE;
        registry.setProposer(log, people[who], on);
        proposerMask = on ? proposerMask | 1 << who : proposerMask & ~(1 << who);
    }

    function setQuorum(uint16 needed) public {
        quorum = 2 + needed % 3;
        registry.setQuorum(log, quorum);
    }

    function makeAnchorer(uint256 who) external {
        who %= PEOPLE;
        try registry.setAnchorer(log, people[who], true) {
            require(!contains(officerMask | proposerMask, who), "an officer or proposer became an anchorer");
            registry.setAnchorer(log, people[who], false);
        } catch {
            require(contains(officerMask | proposerMask, who), "a free key was refused as anchorer");
        }
    }

    /// @param mask who signs: any set of people
    /// @param twist what is wrong with the decision, if anything: 0 nonce, 1 expiry, 2 proposer, 3 signed commitment
    function decide(uint8 subject, uint8 verdict, uint8 mask, uint8 proposer, uint8 twist) external {
        attempt(subject % SUBJECTS, AnchorRegistry.Verdict(verdict % 6), mask % 64, proposer % PEOPLE, twist);
    }

    /// @notice A decision that often passes: the next one in a subject's life, signed by the officers who may, by all
    ///         officers, or by anybody.
    function proceed(uint8 subject, uint8 choice, uint8 mask, uint8 proposer, uint8 twist) external {
        AnchorRegistry.State state = accounts[subject % SUBJECTS].state;
        AnchorRegistry.Verdict verdict = AnchorRegistry.Verdict.Propose;
        uint256 signers = 1 << proposer % PEOPLE;
        if (state != AnchorRegistry.State.None) {
            signers = officerMask;
            if (choice % 4 > 0) signers &= ~maskOf(accounts[subject % SUBJECTS].proposer);
            if (mask % 8 == 0) signers = mask % 64;
            verdict = AnchorRegistry.Verdict.Approve;
        }
        if (state == AnchorRegistry.State.Approved) verdict = AnchorRegistry.Verdict.Halt;
        if (state == AnchorRegistry.State.Halted) verdict = AnchorRegistry.Verdict.Resume;
        if (state != AnchorRegistry.State.None && choice % 3 == 0) verdict = AnchorRegistry.Verdict.Revoke;
        attempt(subject % SUBJECTS, verdict, signers, proposer % PEOPLE, twist);
    }

    // ----- one decision, and what the rules say of it

    function attempt(uint256 subject, AnchorRegistry.Verdict verdict, uint256 mask, uint256 named, uint8 twist) private {
        Account storage account = accounts[subject];
        AnchorRegistry.Decision memory d = AnchorRegistry.Decision({
            logId: log,
            subject: bytes32(subject),
            verdict: verdict,
            commitment: keccak256(abi.encode(subject, mask)),
            proposer: verdict == AnchorRegistry.Verdict.Propose ? people[named] : account.proposer,
            nonce: uint64(account.decisions),
            expiresAt: uint64(block.timestamp + (twist % 32 == 1 ? 0 : 60))
        });
        if (twist % 32 == 0) d.nonce ^= 1;
        if (twist % 32 == 1) vm.warp(block.timestamp + 1);
        if (twist % 32 == 2) d.proposer = address(0xdead);
        bytes[] memory signatures = signAll(mask, registry.digestOf(d));
        if (twist % 32 == 3) d.commitment = ~d.commitment;
        bool valid = (twist % 32 > 3 || (twist % 32 == 3 && mask == 0)) && allowed(account, verdict, mask, named);
        AnchorRegistry.Subject memory before = subjectOf(bytes32(subject));
        try registry.decide(d, signatures) {
            require(valid, "a decision that must be refused was accepted");
            account.state = outcome(verdict);
            account.decisions++;
            if (verdict == AnchorRegistry.Verdict.Propose) account.proposer = people[named];
            accepted++;
        } catch {
            require(!valid, "a decision that must be accepted was refused");
            require(keccak256(abi.encode(before)) == keccak256(abi.encode(subjectOf(bytes32(subject)))), "half done");
        }
    }

    /// @dev The rules once more, in other words than the contract's.
    function allowed(Account storage account, AnchorRegistry.Verdict verdict, uint256 mask, uint256 named)
        private
        view
        returns (bool)
    {
        AnchorRegistry.State state = account.state;
        if (verdict == AnchorRegistry.Verdict.Propose) {
            return state == AnchorRegistry.State.None && mask == 1 << named && contains(proposerMask, named);
        }
        if (mask == 0 || mask & ~officerMask != 0) return false;
        if (verdict == AnchorRegistry.Verdict.Halt) return state == AnchorRegistry.State.Approved;
        if (count(mask) < quorum || mask & maskOf(account.proposer) != 0) return false;
        if (verdict == AnchorRegistry.Verdict.Approve) return state == AnchorRegistry.State.Proposed;
        if (verdict == AnchorRegistry.Verdict.Resume) return state == AnchorRegistry.State.Halted;
        return verdict == AnchorRegistry.Verdict.Revoke && uint8(state) % 4 != 0;
    }

    function outcome(AnchorRegistry.Verdict verdict) private pure returns (AnchorRegistry.State) {
        if (verdict == AnchorRegistry.Verdict.Propose) return AnchorRegistry.State.Proposed;
        if (verdict == AnchorRegistry.Verdict.Halt) return AnchorRegistry.State.Halted;
        if (verdict == AnchorRegistry.Verdict.Revoke) return AnchorRegistry.State.Revoked;
        return AnchorRegistry.State.Approved;
    }

    function maskOf(address who) private view returns (uint256) {
        for (uint256 i = 0; i < PEOPLE; i++) if (people[i] == who) return 1 << i;
        return 0;
    }

    function anchored() external view returns (uint256) {
        return sizes.length;
    }

    function officersInOffice() external view returns (uint256 n) {
        for (uint256 who = 0; who < PEOPLE; who++) if (registry.isOfficer(log, people[who])) n++;
    }

    function anchorersAmongPeople() external view returns (uint256 n) {
        for (uint256 who = 0; who < PEOPLE; who++) if (registry.isAnchorer(log, people[who])) n++;
    }
}
