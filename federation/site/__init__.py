"""A hospital's worker, without database or Django: signed orders come in and signed answers go out."""
