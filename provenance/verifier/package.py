"""The verifier as one file: ``python -m provenance.verifier.package -o verifier.pyz``.

The result is a zipapp (PEP 441) of this package and of the pure core that it stands on. It needs Python 3.11 and
`cryptography`, and is the same bytes whoever builds it from the same sources, so that two people can compare digests.
"""

from __future__ import annotations

import argparse
import hashlib
import sys
from collections.abc import Sequence
from pathlib import Path

import provenance
from provenance.domain.archive import write_archive

_MAIN = """\
import sys

if sys.version_info < (3, 11):
    sys.exit("verifier: Python 3.11 or newer is needed, this is %d.%d" % sys.version_info[:2])
try:
    from cryptography.hazmat.primitives.asymmetric import mldsa  # noqa: F401
except ImportError:
    print("verifier: the Python package cryptography is needed, with ML-DSA: pip install --upgrade cryptography",
          file=sys.stderr)
    sys.exit(2)

from provenance.verifier.__main__ import main

sys.exit(main())
"""


def build() -> bytes:
    """Make the zipapp from the sources that are running."""
    folder = Path(next(iter(provenance.__path__)))
    members = {"__main__.py": _MAIN.encode(), "provenance/__init__.py": b""}
    for part in ("domain", "verifier"):
        for path in (folder / part).glob("*.py"):
            members[f"provenance/{part}/{path.name}"] = path.read_bytes()
    return write_archive(members)


def main(arguments: Sequence[str] | None = None) -> int:
    """Write the file and tell its digest."""
    parser = argparse.ArgumentParser(prog="package", description="Builds the verifier as one file.")
    parser.add_argument("-o", "--output", type=Path, default=Path("verifier.pyz"))
    output = parser.parse_args(arguments).output
    data = build()
    output.write_bytes(data)
    print(f"{output}: {len(data)} bytes, sha256 {hashlib.sha256(data).hexdigest()}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
