"""`make clean`: remove what the demonstration has stored, wherever its servers keep it."""

from __future__ import annotations

import shutil

from qflethics.launcher.demo import NAME, VAR
from qflethics.launcher.state import LauncherError, State


def main() -> int:
    state = State(NAME)
    try:
        state.lock(patience_seconds=1).close()
    except LauncherError as error:
        print(f"  {error}")
        return 2
    for folder in (state.data, state.run, VAR):
        if folder.exists():
            print(f"  · Removing {folder}")
            shutil.rmtree(folder)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
