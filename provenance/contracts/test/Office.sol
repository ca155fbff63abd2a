// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {AnchorRegistry} from "../AnchorRegistry.sol";
import {vm} from "./Vm.sol";

/// @notice The committed bytecode, a log that this contract owns and anchors to, and six people with keys.
/// @dev    People are numbered by ascending address, so a set of them is a bit mask and is signed for in order.
abstract contract Office {
    uint256 internal constant PEOPLE = 6;

    AnchorRegistry internal registry;
    bytes32 internal log;
    uint256[PEOPLE] internal keys;
    address[PEOPLE] internal people;

    function open() internal {
        bytes memory code = vm.parseJsonBytes(vm.readFile("AnchorRegistry.json"), ".bytecode");
        address made;
        assembly {
            made := create(0, add(code, 32), mload(code))
        }
        require(made != address(0), "the committed bytecode does not deploy");
        join(AnchorRegistry(made));
        log = registry.createLog(bytes32(uint256(1)));
    }

    function join(AnchorRegistry with) internal {
        registry = with;
        for (uint256 key = 1; key <= PEOPLE; key++) {
            uint256 place = key - 1;
            for (; place > 0 && people[place - 1] > vm.addr(key); place--) {
                (keys[place], people[place]) = (keys[place - 1], people[place - 1]);
            }
            (keys[place], people[place]) = (key, vm.addr(key));
        }
    }

    function sign(uint256 who, bytes32 digest) internal view returns (bytes memory) {
        (uint8 v, bytes32 r, bytes32 s) = vm.sign(keys[who], digest);
        return abi.encodePacked(r, s, v);
    }

    /// @notice Signatures of the people in `mask`, ordered as the contract wants them.
    function signAll(uint256 mask, bytes32 digest) internal view returns (bytes[] memory signatures) {
        signatures = new bytes[](count(mask));
        uint256 next = 0;
        for (uint256 who = 0; who < PEOPLE; who++) {
            if (mask >> who & 1 == 1) signatures[next++] = sign(who, digest);
        }
    }

    function count(uint256 mask) internal pure returns (uint256 n) {
        for (; mask != 0; mask &= mask - 1) n++;
    }

    function contains(uint256 mask, uint256 who) internal pure returns (bool) {
        return mask >> who & 1 == 1;
    }

    function subjectOf(bytes32 subject) internal view returns (AnchorRegistry.Subject memory s) {
        (s.state, s.nonce, s.time, s.proposer) = registry.subjects(log, subject);
    }
}
