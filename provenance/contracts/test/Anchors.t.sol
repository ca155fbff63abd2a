// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {AnchorRegistry} from "../AnchorRegistry.sol";
import {Office} from "./Office.sol";
import {vm} from "./Vm.sol";

contract AnchorsTest is Office {
    function setUp() public {
        open();
        registry.setAnchorer(log, address(this), true);
    }

    function testFuzz_only_a_larger_tree_with_another_root_on_the_head_is_accepted(
        uint64 first,
        uint64 second,
        bytes32 root,
        bytes32 next,
        bytes32 prev,
        bool follows
    ) public {
        vm.assume(first != 0 && root != 0);
        registry.anchor(log, root, first, 0);
        if (follows) prev = root;
        bool valid = second > first && next != 0 && next != root && prev == root;
        try registry.anchor(log, next, second, prev) {
            require(valid, "accepted");
        } catch {
            require(!valid, "refused");
        }
        AnchorRegistry.Head memory head = registry.head(log);
        require(head.root == (valid ? next : root) && head.treeSize == (valid ? second : first));
        require(head.seq == (valid ? 2 : 1) && registry.rootAtSize(log, first) == root);
    }

    function testFuzz_the_same_anchor_twice_reverts_whoever_sends_it(uint64 size, bytes32 root, address other) public {
        vm.assume(size != 0 && root != 0 && other != address(0));
        registry.setAnchorer(log, other, true);
        registry.anchor(log, root, size, 0);
        vm.expectRevert(abi.encodeWithSelector(AnchorRegistry.Stale.selector, size, root));
        vm.prank(other);
        registry.anchor(log, root, size, 0);
    }

    function testFuzz_a_stranger_does_not_anchor(address who, uint64 size, bytes32 root) public {
        vm.assume(who != address(this));
        vm.expectRevert(abi.encodeWithSelector(AnchorRegistry.NotAnchorer.selector, who));
        vm.prank(who);
        registry.anchor(log, root, size, 0);
    }

    function testFuzz_a_stranger_appoints_nobody(address who, uint16 quorum) public {
        vm.assume(who != address(this));
        bytes memory refusal = abi.encodeWithSelector(AnchorRegistry.NotOwner.selector, address(this));
        bytes[5] memory calls = [
            abi.encodeCall(registry.setAnchorer, (log, who, true)),
            abi.encodeCall(registry.setOfficer, (log, who, true)),
            abi.encodeCall(registry.setProposer, (log, who, true)),
            abi.encodeCall(registry.setQuorum, (log, quorum)),
            abi.encodeCall(registry.offerOwnership, (log, who))
        ];
        for (uint256 i = 0; i < calls.length; i++) {
            vm.prank(who);
            (bool ok, bytes memory said) = address(registry).call(calls[i]);
            require(!ok && keccak256(said) == keccak256(refusal), "expected NotOwner");
        }
    }

    function testFuzz_the_owner_rewrites_nothing(uint64 size, bytes32 root, bytes32 other) public {
        vm.assume(size > 1 && root != 0 && other != root && other != 0);
        registry.anchor(log, root, size, 0);
        uint64[2] memory sizes = [size, size - 1];
        for (uint256 i = 0; i < sizes.length; i++) {
            vm.expectRevert(abi.encodeWithSelector(AnchorRegistry.Stale.selector, size, root));
            registry.anchor(log, other, sizes[i], root);
        }
        require(registry.rootAtSize(log, size) == root);
    }
}
