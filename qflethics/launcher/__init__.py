"""Starts everything that the platform stands on, for `make demo` and `make test`, and stops what it started."""
