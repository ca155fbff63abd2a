"""The whole comparison, over several processes and on any device; one JSON line a finished cell, so it can go on later:
`python -m benchmarks.dice.study --out FILE --seeds 10 --workers 2 [--rounds 160] [--device cuda] [--data lgg.npz]`.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import sys
import traceback
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from benchmarks.dice import data as sets
from benchmarks.dice.plans import BUDGETS, ROWS, SHORT, plans
from benchmarks.frame import commit

Cell = tuple[str, int, int]  # row, seed, fold


def cells(seeds: int, rows: Iterable[str] = (), folds: Iterable[int] = sets.REPORTED) -> list[Cell]:
    """Every cell, seed after seed and row after row, so that what is finished is complete as far as it goes."""
    chosen = [row for row in ROWS if not rows or row in rows]
    return [(row, seed, fold) for seed in range(seeds) for row in chosen for fold in folds]


def _noted(path: Path) -> list[dict[str, Any]]:
    """What a results file holds; a last line that was cut off is left out."""
    found = []
    for line in path.read_text(encoding="utf-8").splitlines() if path.exists() else []:
        try:
            found.append(json.loads(line))
        except json.JSONDecodeError:
            continue
    return found


def finished(path: Path) -> list[dict[str, Any]]:
    """The cells of a results file that were trained to their end."""
    return [cell for cell in _noted(path) if "row" in cell]


def failures(path: Path, plans: Mapping[str, Any]) -> dict[str, int]:
    """How many cells of each row were begun and did not end, and have not ended since."""
    heads = [line["failed"] for line in _noted(path) if "failed" in line]
    done = {(cell["row"], cell["seed"], cell["fold"]) for cell in of_plans(finished(path), plans)}
    lost = {(head["row"], head["seed"], head["fold"]) for head in of_plans(heads, plans)} - done
    return Counter(row for row, _, _ in lost)


def of_plans(found: list[dict[str, Any]], plans: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The cells that were trained as the plans now say; what was trained otherwise is not compared with them."""
    return [cell for cell in found if cell["row"] in plans and cell.get("plan") == plans[cell["row"]].digest]


def go_on(
    path: Path, wanted: list[Cell], *, device: str, workers: int, data: Path, plans: Mapping[str, Any]
) -> Iterator[dict[str, Any]]:
    """Run the cells that the file does not hold yet, and add each to it as soon as it is finished."""
    held = {(cell["row"], cell["seed"], cell["fold"]) for cell in of_plans(finished(path), plans)}
    todo = [(cell, plans[cell[0]], device, str(data)) for cell in wanted if cell not in held]
    path.parent.mkdir(parents=True, exist_ok=True)
    code = commit()  # what the processes load now, whatever is committed while they train
    whole = not path.exists() or path.read_bytes()[-1:] in (b"", b"\n")
    with path.open("a", encoding="utf-8") as file:
        file.write("" if whole else "\n")  # a line that was cut off must not swallow the next one
        for answer in _answers(todo, workers):
            file.write(json.dumps(answer | {"commit": code}) + "\n")
            file.flush()
            yield answer


def _answers(todo: list[Any], workers: int) -> Iterator[dict[str, Any]]:
    if not todo:
        return
    if workers == 1:
        yield from map(_one, todo)
        return
    with multiprocessing.get_context("spawn").Pool(workers, initializer=_quiet) as pool:
        yield from pool.imap_unordered(_one, todo)


def _quiet() -> None:
    import torch

    torch.set_num_threads(1)


def _one(job: tuple[Cell, Any, str, str]) -> dict[str, Any]:
    from benchmarks.dice.cell import run

    (row, seed, fold), plan, device, data = job
    head = {"row": row, "seed": seed, "fold": fold, "plan": plan.digest}
    try:
        return head | run(plan, fold=fold, seed=seed, device=device, path=Path(data))
    except Exception:  # noqa: BLE001 - one cell must not end a study of hours; it is noted, and tried again
        traceback.print_exc()
        os.write(2, f"{head} failed\n".encode())
        return {"failed": head}


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--rounds", type=int, choices=BUDGETS, default=SHORT)
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--data", type=Path, default=sets.LGG)
    parser.add_argument("--rows", nargs="*", default=[])
    given = parser.parse_args(arguments)
    wanted = cells(given.seeds, given.rows)
    how = {"device": given.device, "workers": given.workers, "data": given.data, "plans": plans(given.rounds)}
    for answer in go_on(given.out, wanted, **how):
        print(json.dumps({key: answer.get(key) for key in ("row", "seed", "fold", "seconds")}), file=sys.stderr)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
