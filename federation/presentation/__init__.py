"""What pages and the API show of a run: facts of what is consented to, progress now, charts by round. Reads only."""
