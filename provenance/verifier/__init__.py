"""The offline verifier: checks what the log says without the log's help.

``python -m provenance.verifier BUNDLE`` needs the standard library and `cryptography`, no database, no network and
none of the platform's servers. It trusts the keys its user gives it, and nothing else.
"""
