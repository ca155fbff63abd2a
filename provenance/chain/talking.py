"""What web3 raises about a node, as our errors."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from json import JSONDecodeError

from requests.exceptions import RequestException
from web3.exceptions import (
    BadFunctionCallOutput,
    BadResponseFormat,
    ContractLogicError,
    ProviderConnectionError,
    RequestTimedOut,
    TooManyRequests,
    Web3Exception,
    Web3RPCError,
)

from provenance.chain.errors import NodeRefused, NodeUnavailable


@contextmanager
def talking() -> Iterator[None]:
    """Translate what web3 raises about the node into our errors; contract reverts pass, for the registry to read."""
    try:
        yield
    except (
        *(RequestException, ProviderConnectionError, ConnectionError, TimeoutError),
        *(RequestTimedOut, TooManyRequests, BadResponseFormat, JSONDecodeError),
    ) as error:
        # The URL may hold an access token: name the kind of failure only.
        raise NodeUnavailable(f"expected an answer of the node, got {type(error).__name__}; try again") from None
    except (ContractLogicError, BadFunctionCallOutput):  # for the registry to read
        raise
    except Web3RPCError as error:
        body = (error.rpc_response or {}).get("error", {})
        said = body.get("message") if isinstance(body, dict) else body
        raise NodeRefused(str(said or error)) from None
    except Web3Exception as error:
        raise NodeRefused(f"the node's answer makes no sense ({type(error).__name__}: {error})") from None
