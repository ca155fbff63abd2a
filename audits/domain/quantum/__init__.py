"""Quantum methods of the audit beside their classical baselines: leakage adversaries and amplitude estimation."""
