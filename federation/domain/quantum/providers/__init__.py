"""Clients of quantum providers: what our circuits become on the wire, and what the answers mean."""
