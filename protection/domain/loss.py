"""What a restored log lacks, against what is known of the log elsewhere."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Known:
    """A tree that somebody holds: the chain, a witness, this machine, a signed checkpoint in a file.

    Attributes
    ----------
    by : str
        In words, for the sentence: "the chain", "the witness of north".
    root : str
        In hexadecimal digits.
    """

    by: str
    size: int
    root: str


@dataclass(frozen=True)
class Judged:
    """What was found: sentences on what is wrong, and how many entries are missing."""

    problems: tuple[str, ...]
    missing: int


def judge(known: Sequence[Known], *, entries: int, roots: dict[int, str], last_at: str) -> Judged:
    """Hold a restored log against what is known of it.

    Parameters
    ----------
    entries : int
        How many the restored log has.
    roots : mapping of size to root
        Of the restored log, at the sizes that are not beyond it.
    last_at : str
        When its last entry was made, in words; for the sentence.

    Examples
    --------
    >>> judge([Known("the chain", 5, "aa")], entries=5, roots={5: "aa"}, last_at="noon")
    Judged(problems=(), missing=0)
    >>> judge([Known("the chain", 7, "bb")], entries=5, roots={}, last_at="noon").missing
    2
    """
    problems, missing = [], 0
    for tree in known:
        if tree.size > entries:
            missing = max(missing, tree.size - entries)
            problems.append(
                f"{tree.by} holds {tree.size:,} entries, the restored log has {entries:,}: it is older. What is lost: "
                f"{tree.size - entries:,} entries, {entries:,} to {tree.size - 1:,}, all made after {last_at}."
            )
        elif tree.size and roots.get(tree.size) != tree.root:
            problems.append(
                f"{tree.by} holds {tree.size:,} entries under another root than the restored log gives: entries before "
                "that were changed, or this is another log. Do not use it."
            )
    return Judged(tuple(problems), missing)
