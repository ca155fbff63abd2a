"""A business process: commits one governed row after another for some seconds. No Django, as little as can be."""

from __future__ import annotations

import os
import sys
import time

import psycopg2

from benchmarks.ledger.overhead import COLUMNS, ROW, row
from core.said import SETTING, Said


def main(seconds: float) -> None:
    """Write for so many seconds after the first line of standard input; print how many rows were committed."""
    opened = psycopg2.connect(os.environ["DATABASE_URL"])
    opened.autocommit = True
    with opened.cursor() as cursor:
        cursor.execute("SELECT set_config(%s, %s, false)", (SETTING, Said(action="bench.insert").text()))
        insert = f"INSERT INTO bench_governed {COLUMNS} VALUES {ROW}"  # noqa: S608 - constants
        print("ready", flush=True)
        sys.stdin.readline()
        deadline, number = time.monotonic() + seconds, 0
        while time.monotonic() < deadline:
            cursor.execute(insert, row(number))
            number += 1
    opened.close()
    print(number, flush=True)


if __name__ == "__main__":
    main(float(sys.argv[1]))
