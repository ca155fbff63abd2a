"""The committed AnchorRegistry bytecode on py-evm's machine, without blocks, gas prices or nonces: a call a few ms."""

from eth.chains.base import MiningChain
from eth.db.atomic import AtomicDB
from eth.vm.forks import PragueVM
from eth.vm.message import Message
from eth_abi import decode, encode
from eth_utils import keccak, to_canonical_address, to_checksum_address

from provenance.chain.artifact import load_artifact
from provenance.chain.embedded import CHAIN_ID

GAS = 10**8
AT = b"\x0a" * 20  # where the contract lives here
GENESIS = {
    "difficulty": 0, "extra_data": b"", "gas_limit": GAS, "mix_hash": bytes(32), "nonce": bytes(8),
    "coinbase": bytes(20), "timestamp": 1,
}  # fmt: skip


class Reverted(Exception):
    """A contract error, by its name and values."""

    def __init__(self, name, values):
        super().__init__(name, values)
        self.name, self.values = name, values


class _Rules(MiningChain):
    chain_id = CHAIN_ID
    vm_configuration = ((0, PragueVM),)


class BareRegistry:
    """One contract in memory."""

    address = to_checksum_address(AT)

    def __init__(self):
        self._state = _Rules.from_genesis(AtomicDB(), GENESIS).get_vm().state
        self._context = self._state.get_transaction_context_class()(gas_price=1, origin=AT)
        created = self._message(AT, b"", code=load_artifact().bytecode)
        made = self._state.computation_class.apply_message(self._state, created, self._context)
        self._state.set_code(AT, made.output)
        self._functions = {item["name"]: item for item in load_artifact().abi if item["type"] == "function"}
        self._errors = {_selector(item): item for item in load_artifact().abi if item["type"] == "error"}
        self._events = {_digest(item): item for item in load_artifact().abi if item["type"] == "event"}

    def set_time(self, seconds):
        """Let the next calls run in a block of this time."""
        self._state.execution_context._timestamp = seconds

    def call(self, sender, name, *arguments):
        """Run a function and keep what it does; return (values, events).

        Raises
        ------
        Reverted
            If the contract refuses.
        """
        item = self._functions[name]
        data = _selector(item) + encode([_type(value) for value in item["inputs"]], arguments)
        message = self._message(to_canonical_address(sender), data, code=self._state.get_code(AT))
        done = self._state.computation_class.apply_message(self._state, message, self._context)
        if done.is_error:
            error = self._errors[done.output[:4]]
            raise Reverted(error["name"], _plain(decode([_type(v) for v in error["inputs"]], done.output[4:])))
        values = _plain(decode([_type(value) for value in item["outputs"]], done.output))
        return values, [self._event(topics, data) for _, topics, data in done.get_log_entries()]

    def _message(self, sender, data, code):
        return Message(gas=GAS, to=AT, sender=sender, value=0, data=data, code=code)

    def _event(self, topics, data):
        item = self._events[topics[0].to_bytes(32, "big")]
        plain = [value for value in item["inputs"] if not value["indexed"]]
        rest = iter(decode([_type(value) for value in plain], data))
        marked = iter(topics[1:])
        values = [
            decode([_type(value)], next(marked).to_bytes(32, "big"))[0] if value["indexed"] else next(rest)
            for value in item["inputs"]
        ]
        return item["name"], _plain(values)


def _type(value):
    if value["type"].startswith("tuple"):
        return f"({','.join(_type(part) for part in value['components'])}){value['type'][5:]}"
    return value["type"]


def _digest(item):
    return keccak(text=f"{item['name']}({','.join(_type(value) for value in item['inputs'])})")


def _selector(item):
    return _digest(item)[:4]


def _plain(values):
    """Addresses with their checksum, sequences as tuples: as the model has them."""
    return tuple(
        _plain(value) if isinstance(value, list | tuple)
        else to_checksum_address(value) if isinstance(value, str)
        else value
        for value in values
    )  # fmt: skip
