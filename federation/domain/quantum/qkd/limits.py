"""Limits of the protocol, for who shows them without simulating anything."""

QBER_LIMIT = 0.11  # above it one-way post-processing is left with no key: 1 - 2h(0.11) = 0
