"""The typed Python client of QFL-ETHICS. See docs/api/tutorial.md."""

from qfl_ethics_client import shapes
from qfl_ethics_client.operations import Operations
from qfl_ethics_client.transport import Answer, Problem, Unchanged, Upload, etag_of


class Client(Operations):
    """`Client("https://qfl.example", key="qfl_…")`."""


__all__ = ["Answer", "Client", "Problem", "Unchanged", "Upload", "etag_of", "shapes"]
