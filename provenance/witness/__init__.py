"""A witness: keeps the largest tree it has seen of a log, and cosigns what grows from it.

Standard library, `cryptography` and `provenance.domain` only. Whoever runs it need not trust the platform: it holds no
address of a database and no secret of anybody else.
"""
