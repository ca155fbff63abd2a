"""A hospital's worker. It has no database and imports no Django: orders come in and answers go out as signed messages."""
