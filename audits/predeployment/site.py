"""The audit order of a site."""
