"""``python -m provenance.verifier BUNDLE``"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

from provenance.domain.archive import MAX_ARCHIVE_BYTES
from provenance.domain.errors import LedgerError
from provenance.domain.proof import HEADER
from provenance.verifier.bundles import CheckedBundle, check_bundle, check_complete
from provenance.verifier.findings import Unreadable, Verdict
from provenance.verifier.logs import check_log
from provenance.verifier.options import Options, read_file, read_options
from provenance.verifier.proofs import check_proof
from provenance.verifier.report import as_json, as_text
from provenance.verifier.reports import FIRST, check_report
from provenance.verifier.signatures import check_signatures

_BUNDLE_START = b"README.txt"  # the first file of every bundle, at byte 30 of a zip


def check(options: Options) -> Verdict:
    """Check what the options name; whatever cannot be read becomes a finding, never an exception."""
    verdict = Verdict("unknown", str(options.path))
    try:
        _check(verdict, options)
    except (Unreadable, LedgerError) as error:
        verdict.unchecked("input", f"{str(error)[:1].upper()}{str(error)[1:]}.")
    return verdict


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the program and return its exit code."""
    try:
        options = read_options(sys.argv[1:] if arguments is None else arguments)
    except Unreadable as error:
        print(f"verifier: {error}", file=sys.stderr)
        return 2
    verdict = check(options)
    text = as_json(verdict) if options.as_json else as_text(verdict)
    sys.stdout.buffer.write(text.rstrip("\n").encode("utf-8", "replace") + b"\n")
    return verdict.exit_code


def _check(verdict: Verdict, options: Options) -> None:
    verdict.kind = _kind(options)
    if verdict.kind == "log":
        check_log(verdict, options.path, options)
        return
    data = read_file(options.path, MAX_ARCHIVE_BYTES)
    if verdict.kind == "report":
        check_report(verdict, data, options)
        return
    if verdict.kind == "proof":
        check_proof(verdict, data, options)
        return
    checked = check_bundle(verdict, data, options)
    if checked is not None:
        check_signatures(verdict, checked, options)
    if checked is not None and options.log is not None:
        _check_beside(verdict, options, checked, options.log)


def _check_beside(verdict: Verdict, options: Options, checked: CheckedBundle, path: Path) -> None:
    """Check the exported log too, that the bundle comes from it, and that the bundle leaves nothing out."""
    subject, tree = checked.bundle.subject, checked.newest.checkpoint
    beside = Verdict("log", str(path))
    log = check_log(beside, path, options, about=(subject.table, subject.object_id))
    verdict.facts["log"] = beside.facts
    verdict.findings += beside.findings
    verdict.evidence += beside.evidence
    if log is None:
        return
    size = log.newest.checkpoint.size
    if size < tree.size:
        verdict.unchecked("complete", f"The exported log ends at {size} entries, before the bundle's {tree.size}.")
    elif log.root_at(tree.size) != tree.root:
        verdict.false("log", "SPLIT VIEW. The bundle and the exported log are two histories, and the log signed both.")
        notes = [checked.newest.note.decode(), log.newest.note.decode()]
        verdict.evidence.append({"kind": "split_view", "size": tree.size, "notes": notes})
    elif subject.object_id:
        check_complete(verdict, checked, [place for place in log.places if place < tree.size])


def _kind(options: Options) -> str:
    if options.path.is_dir():
        return "log"
    head = _head(options)
    if head.startswith(HEADER.encode()):
        return "proof"
    if head.startswith(b"PK"):
        return {_BUNDLE_START: "bundle", FIRST: "report"}.get(head[30:40], "log")
    raise Unreadable(f"{options.path} is neither a bundle, nor a report, nor an exported log, nor a proof file")


def _head(options: Options) -> bytes:
    try:
        with options.path.open("rb") as file:
            return file.read(64)
    except (OSError, ValueError) as error:
        raise Unreadable(f"{options.path} cannot be read: {error}") from None


if __name__ == "__main__":
    sys.exit(main())
