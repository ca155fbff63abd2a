"""Opening everything that anchoring needs: node, signer, contract and log, each checked before anything is sent."""

from __future__ import annotations

import logging
import re
from dataclasses import dataclass, field
from pathlib import Path

from eth_utils import is_address

from provenance.chain.errors import ChainError
from provenance.chain.node import GWEI, Finality, Node, connect
from provenance.chain.registry import Registry
from provenance.chain.signer import LocalSigner, Signer
from provenance.chain.web3signer import Tls, Web3Signer

logger = logging.getLogger(__name__)

_LOG_ID = re.compile(r"0x[0-9a-fA-F]{64}")
_TRIAL_WEI = 10**21  # play money of the embedded chain


@dataclass(frozen=True)
class ChainOptions:
    """Where to anchor, and with which key."""

    url: str  # embedded:///path, http://... or https://...
    salt: bytes  # 32 bytes; names our log among those of the same owner
    keystore: Path
    passphrase_file: Path
    chain_id: int = 0  # 0: not checked
    registry: str = ""  # empty: the one this key deployed, else a new one
    log_id: str = ""  # empty: the log of this key and salt
    finality: str = "finalized"
    fee_cap_gwei: float = 500.0
    signer_url: str = ""  # Web3Signer; empty: the keystore
    signer_address: str = ""
    signer_tls: Tls = field(default_factory=Tls)

    @property
    def embedded(self) -> bool:
        """Whether the chain runs in this process."""
        return self.url.startswith("embedded://")


@dataclass(frozen=True)
class Connection:
    """An open chain."""

    node: Node
    signer: Signer
    registry: Registry
    log_id: bytes
    embedded: bool


def open_chain(options: ChainOptions) -> Connection:
    """Connect, check chain id and contract code, and make sure that the key may anchor to the log.

    Raises
    ------
    ChainError
        If an option is malformed, the chain is another one, the contract is not ours, or the key has no right there.
    """
    _check(options)
    node = connect(
        options.url,
        chain_id=options.chain_id or None,
        finality=Finality(options.finality),
        fee_cap_wei=int(options.fee_cap_gwei * GWEI),
    )
    try:
        signer = open_signer(options)
        logger.info("the anchoring key is %s, on chain %s", signer.address, node.chain_id)
        if options.embedded and node.balance_wei(signer.address) < 10**18:
            node.w3.provider.fund(signer.address, _TRIAL_WEI)  # type: ignore[attr-defined]  # ours has it
        registry = Registry.deploy_or_load(node, signer, options.registry or None)
        return Connection(node, signer, registry, _log(options, registry, signer), options.embedded)
    except BaseException:
        node.close()
        raise


def open_signer(options: ChainOptions) -> Signer:
    """The key: in Web3Signer if there is one, else in the keystore."""
    if options.signer_url:
        return Web3Signer(options.signer_url, address=options.signer_address, tls=options.signer_tls)
    work = 2**14 if options.embedded else 2**18  # a trial's key is not worth a second at each start
    return LocalSigner.from_keystore(options.keystore, options.passphrase_file, scrypt_n=work)


def _log(options: ChainOptions, registry: Registry, signer: Signer) -> bytes:
    if not options.log_id:
        log_id = registry.create_log(signer, options.salt)
        registry.set_anchorer(signer, log_id, signer.address)
        return log_id
    log_id = bytes.fromhex(options.log_id[2:])
    if registry.owner(log_id) is None:
        raise ChainError(f"expected the log {options.log_id} at {registry.address}, got none; its owner must create it")
    if not registry.is_anchorer(log_id, signer.address):
        raise ChainError(
            f"expected {signer.address} to be an anchorer of the log {options.log_id}, it is not; the log's owner must "
            "call setAnchorer"
        )
    return log_id


def _check(options: ChainOptions) -> None:
    finalities = [kind.value for kind in Finality]
    if options.finality not in finalities:
        raise ChainError(f"expected a finality of {' or '.join(finalities)}, got {options.finality!r}")
    if options.registry and not is_address(options.registry):
        raise ChainError(f"expected the registry's address, 0x and 40 digits, got {options.registry!r}")
    if options.log_id and not _LOG_ID.fullmatch(options.log_id):
        raise ChainError(f"expected a log's identifier, 0x and 64 digits, got {options.log_id!r}")
    if options.log_id and not options.registry:
        raise ChainError("expected the address of the registry that holds the log, got none; set QFL_CHAIN_REGISTRY")
    if options.fee_cap_gwei <= 0:
        raise ChainError(f"expected a fee cap above 0 gwei, got {options.fee_cap_gwei}")
