"""What can go wrong between us and a chain, each with its own name because each asks for another reaction."""

from __future__ import annotations

from typing import Any


class ChainError(Exception):
    """Base of every error of this package."""


class NodeUnavailable(ChainError):
    """The node did not answer. Nothing is known about what was sent: send the same bytes again."""


class NodeRefused(ChainError):
    """The node answered with an error of its own."""


class NodeBehind(ChainError):
    """The node knows less of the chain than it, or another node, told us before: wait for it, or ask another."""


class WrongChain(ChainError):
    """Connected to another chain than the one configured: sending would anchor in the wrong place."""


class ChainLocked(ChainError):
    """Another process owns the embedded chain's file."""


class ChainDamaged(ChainError):
    """The embedded chain's file is not one of ours, or was made by other rules."""


class NonceConsumed(ChainError):
    """Another transaction took this nonce, so these bytes can never be mined: look at the head, then sign anew."""


class Underpriced(ChainError):
    """A transaction with this nonce waits already and pays as much: raise the fees by an eighth or more, or wait."""


class FeeCapReached(ChainError):
    """The market asks for more than the configured cap. Waiting costs delay only: anchors are never queued."""


class RegistryMissing(ChainError):
    """There is no AnchorRegistry, or another contract, at the configured address."""


class NotThere(RegistryMissing):
    """The contract has no code at the block that was asked for."""


class SignerError(ChainError):
    """The remote signer did not sign, or signed something else than it was asked to."""


class KeystoreError(ChainError):
    """The key file cannot be made, read or decrypted."""


class ContractRefused(ChainError):
    """The contract reverted with one of its errors."""

    def __init__(self, name: str, values: dict[str, Any], advice: str = "") -> None:
        shown = ", ".join(f"{k}={v.hex() if isinstance(v, bytes) else v}" for k, v in values.items())
        super().__init__(f"the registry refused: {name}({shown})" + (f"; {advice}" if advice else ""))
        self.name = name
        self.values = values


class StaleAnchor(ContractRefused):
    """The head is already at this size or beyond. `values`: treeSize and root of the head."""


class PrevMismatch(ContractRefused):
    """The head is another root than the one this anchor follows. `values`: the expected root."""


class RootUnchanged(ContractRefused):
    """The root is the head already."""


REFUSALS: dict[str, tuple[type[ContractRefused], str]] = {
    "Stale": (StaleAnchor, "somebody anchored this size or a larger one; read the head"),
    "PrevMismatch": (PrevMismatch, "read the head and anchor the newest checkpoint on it"),
    "RootUnchanged": (RootUnchanged, "this root is anchored already"),
}
"""Contract errors that callers tell apart; every other one is a plain `ContractRefused`."""
