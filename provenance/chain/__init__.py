"""The chain client. web3 and py-evm are slow to import: only this package imports them, and only its callers pay."""
