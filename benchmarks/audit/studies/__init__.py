"""Simulation studies whose results stand in docs/design/: slow, seeded, run by hand."""
