"""Run under `.venv-flare`: hands a job in with the administrator's startup kit and prints its number."""

from __future__ import annotations

import sys
import time
from pathlib import Path

from nvflare.fuel.flare_api.flare_api import new_secure_session

TRIES = 30


def main(kit: str, job: str) -> None:
    for left in reversed(range(TRIES)):
        try:
            session = new_secure_session(Path(kit).name, kit, timeout=5.0)
            break
        except Exception:
            if not left:
                raise
            time.sleep(1)
    try:
        print(session.submit_job(job))
    finally:
        session.close()


if __name__ == "__main__":
    main(*sys.argv[1:])
