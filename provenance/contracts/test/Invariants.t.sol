// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {AnchorRegistry} from "../AnchorRegistry.sol";
import {Handler} from "./Handler.sol";

contract InvariantsTest {
    Handler private handler;
    AnchorRegistry private registry;
    bytes32 private log;
    bool[3] private revoked;

    struct Selectors {
        address addr;
        bytes4[] selectors;
    }

    function setUp() public {
        handler = new Handler();
        (registry, log) = handler.target();
    }

    /// @dev Read by Foundry: decisions come oftener than the rest, so that subjects live through whole lives.
    function targetSelectors() public view returns (Selectors[] memory chosen) {
        bytes4[] memory s = new bytes4[](9);
        (s[0], s[1], s[2]) = (Handler.proceed.selector, Handler.proceed.selector, Handler.proceed.selector);
        (s[3], s[4], s[5]) = (Handler.decide.selector, Handler.anchor.selector, Handler.appoint.selector);
        (s[6], s[7], s[8]) = (Handler.register.selector, Handler.setQuorum.selector, Handler.makeAnchorer.selector);
        chosen = new Selectors[](1);
        chosen[0] = Selectors(address(handler), s);
    }

    function targetContracts() public view returns (address[] memory targets) {
        targets = new address[](1);
        targets[0] = address(handler);
    }

    function invariant_the_head_is_the_largest_accepted_size_and_seq_counts_the_accepted() public view {
        AnchorRegistry.Head memory head = registry.head(log);
        require(head.treeSize == handler.size() && head.seq == handler.anchors(), "head");
        uint256 n = handler.anchored();
        require(head.root == (n == 0 ? bytes32(0) : handler.roots(n - 1)), "head root");
        for (uint256 i = 0; i < n; i++) {
            require(registry.rootAtSize(log, handler.sizes(i)) == handler.roots(i), "an anchored root changed");
        }
    }

    function invariant_only_signed_decisions_move_a_subject_and_revoked_is_the_end() public {
        uint256 sum = 0;
        for (uint256 i = 0; i < 3; i++) {
            (AnchorRegistry.State wanted, address proposer, uint256 decisions) = handler.accounts(i);
            (AnchorRegistry.State state, uint40 nonce, uint40 time, address recorded) = registry.subjects(log, bytes32(i));
            require(state == wanted && nonce == decisions && recorded == proposer, "subject");
            require((nonce == 0) == (time == 0) && (proposer == address(0)) == (nonce == 0), "untouched or proposed");
            require(!revoked[i] || state == AnchorRegistry.State.Revoked, "a subject left Revoked");
            revoked[i] = state == AnchorRegistry.State.Revoked;
            sum += decisions;
        }
        require(sum == handler.accepted(), "decisions are counted twice or not at all");
    }

    function invariant_officers_are_counted_and_roles_stay_apart() public view {
        (uint16 quorum, uint16 officers) = registry.quorumOf(log);
        require(quorum == handler.quorum() && officers == handler.officersInOffice(), "officers");
        require(handler.anchorersAmongPeople() == 0, "a person's key anchors");
        (address owner, address pending) = registry.ownerOf(log);
        require(owner == address(handler) && pending == address(0), "owner");
    }
}
