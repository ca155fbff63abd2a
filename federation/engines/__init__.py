"""How orders reach the sites: one module an engine. The orders, the sites' code and the life of a run are the same."""
