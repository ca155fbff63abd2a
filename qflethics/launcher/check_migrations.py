"""`makemigrations --check` on a private database, so that it runs anywhere."""

from __future__ import annotations

import os
import subprocess
import sys

from qflethics.launcher import servers
from qflethics.launcher.platform import manage
from qflethics.launcher.state import ROOT


def main() -> int:
    running = servers.start("lint", durable=False)
    try:
        environment = {
            **os.environ, **running.environment, "SECRET_KEY": "lint-only", "DATABASE_ROLE": "owner",
            "DJANGO_SETTINGS_MODULE": "qflethics.settings.test",
        }  # fmt: skip
        return subprocess.run(
            manage("makemigrations", "--check", "--dry-run"), cwd=ROOT, env=environment, check=False
        ).returncode
    finally:
        running.stop()


if __name__ == "__main__":
    sys.exit(main())
