"""Signatures of people, as the ledger recorded them: under decisions on requests, and under reports.

A decision names its signer and their key; the key's own entries say whose it is, since when, and whether it was revoked
by then. Both must be shown: in the same file, or the key's in a bundle of its own (--signer).
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from provenance.domain.errors import FormatError, LedgerError, VerificationError
from provenance.domain.statement import DECISION, PROGRAM, SECURITY_KEY, verify_statement
from provenance.verifier.bundles import CheckedBundle, check_bundle
from provenance.verifier.findings import Unreadable, Verdict
from provenance.verifier.options import Options

DECISIONS, SIGN_OFFS, KEYS = (
    "models_registry_approvaldecision", "audits_posthoc_reportsignoff", "models_registry_reviewerkey",
)  # fmt: skip
ASK_SITE = "That the address at which the security key was used is the platform's was not asked: give it with --site."
ALGORITHMS = {"mldsa65": PROGRAM, "webauthn": SECURITY_KEY}


@dataclass(frozen=True)
class Recorded:
    """A row as an entry of the log, which was checked, has it."""

    seq: int
    table: str
    row: Mapping[str, Any]


def recorded(checked: CheckedBundle) -> list[Recorded]:
    """What a bundle discloses of people's signatures and keys, in entries that hold."""
    tables = {leaf.seq: leaf.table for leaf in checked.leaves if leaf.table in (DECISIONS, SIGN_OFFS, KEYS)}
    found = []
    for entry in checked.bundle.entries:
        if entry.seq in tables and (row := row_of(entry.body)) is not None:
            found.append(Recorded(entry.seq, tables[entry.seq], row))
    return found


def row_of(body: bytes | None) -> dict[str, Any] | None:
    """The row that an entry's content holds, if it holds one."""
    try:
        said = json.loads(body) if body is not None else None
    except ValueError:
        return None
    row = said.get("row") if isinstance(said, dict) else None
    return row if isinstance(row, dict) else None


def check_signatures(verdict: Verdict, checked: CheckedBundle, options: Options) -> None:
    """Check what people signed among the entries of a bundle."""
    found = recorded(checked)
    signed = [one for one in found if one.table == DECISIONS and one.row.get("signature")]
    if not signed:
        return
    for path, data in options.signers:
        beside = Verdict("bundle", path)
        keys = _bundle_of_keys(beside, path, data, options)
        verdict.findings += beside.findings
        if keys is not None and keys.newest.checkpoint.origin == checked.newest.checkpoint.origin:
            found += recorded(keys)
    for one in signed:
        _check_decision(verdict, one, found, options.site)


def _bundle_of_keys(beside: Verdict, path: str, data: bytes, options: Options) -> CheckedBundle | None:
    try:
        return check_bundle(beside, data, options)
    except (FormatError, Unreadable) as error:
        beside.unchecked("signature", f"{path} could not be read as the bundle of a key: {error}.")
        return None


def _check_decision(verdict: Verdict, decision: Recorded, found: list[Recorded], site: str | None) -> None:
    row, where = decision.row, f"The decision in entry {decision.seq}"
    try:
        key = key_of(found, row.get("key_id"), decision.seq)
        if key is None:
            verdict.open(
                "signature",
                f"{where} is signed, which was not checked: the file holds no entry about the key {row.get('key_id')}. "
                "Give that key's bundle with --signer.",
            )
            return
        told, by = verify_statement(
            form=DECISION, algorithm=ALGORITHMS.get(str(key.get("kind")), ""), statement=row["statement"],
            public_key=key["public_key"], signature=row["signature"], site=site,
        )  # fmt: skip
        _same("person", told.get("person"), row.get("decided_by_id"), key.get("user_id"))
        _same("decision", told.get("decision"), row.get("decision"))
        _same("capacity", told.get("capacity"), row.get("capacity"))
        _same("request", told.get("request"), row.get("request_id"))
        _same("content", told.get("content_digest"), row.get("content_digest"))
    except (LedgerError, KeyError, TypeError) as error:
        verdict.false("signature", f"{where} is not signed as it says: {error}.")
        return
    verdict.verified(
        "signature",
        f"{where}: {told['person']} decided “{told['decision']}” as {told['capacity']} on the content "
        f"{told['content_digest']}, signed with {by}, and the ledger has that key as theirs.",
    )
    if site is None and key["kind"] == "webauthn":
        verdict.open("signature", ASK_SITE)


def key_of(found: Iterable[Recorded], key_id: Any, before: int) -> Mapping[str, Any] | None:
    """A person's key as the ledger had it before an entry; None if nothing of it is shown.

    Raises
    ------
    VerificationError
        If it was registered later, or revoked by then.
    """
    entries = sorted(
        (one for one in found if one.table == KEYS and one.row.get("id") == key_id), key=lambda one: one.seq
    )
    if not entries:
        return None
    known = [one for one in entries if one.seq < before]
    if not known:
        raise VerificationError("its key was registered later")
    if any(one.row.get("revoked_at") is not None for one in known):
        raise VerificationError("its key was revoked by then")
    first = known[0].row
    if any(one.row.get(name) != first.get(name) for one in known for name in ("user_id", "kind", "public_key")):
        raise VerificationError("its key was exchanged in the ledger")
    return first


def check_signers(
    verdict: Verdict, people: list[tuple[Mapping[str, Any], Mapping[str, Any]]], data: bytes | None, options: Options
) -> None:
    """Whether the ledger recorded these sign-offs of a report, under keys of these people.

    Parameters
    ----------
    verdict : Verdict
    people : list of (row, statement)
        Sign-offs whose signatures hold.
    data : bytes or None
        The ledger's part about them, a bundle.
    options : Options
    """
    found: list[Recorded] = []
    if data is not None:
        beside = Verdict("bundle", "people.zip")
        checked = check_bundle(beside, data, options)
        verdict.findings += beside.findings
        verdict.evidence += beside.evidence
        found = recorded(checked) if checked is not None else []
    for row, told in people:
        _check_signer(verdict, row, told, found)


def _check_signer(verdict: Verdict, row: Mapping[str, Any], told: Mapping[str, Any], found: list[Recorded]) -> None:
    who = f"{told['person']} ({told['capacity']})"
    about = (told["report"], told["capacity"])  # the database has one for each
    entry = next((
        one for one in found
        if one.table == SIGN_OFFS and (one.row.get("report_id"), one.row.get("capacity")) == about
    ), None)  # fmt: skip
    try:
        if entry is not None:
            _same("statement", row["statement"], entry.row.get("statement"))
            _same("signature", row["signature"], entry.row.get("signature"))
        key = None if entry is None else key_of(found, entry.row.get("key_id"), entry.seq)
        if entry is None or key is None:
            verdict.open(
                "signoff", f"That the key is that of {who} is the platform's word: {row['public_key'][:32]}… The file "
                "shows no entry of the ledger about it.",
            )  # fmt: skip
            return
        _same("person", told["person"], entry.row.get("signer_id"), key.get("user_id"))
        _same("key", row["public_key"], key.get("public_key"))
        _same("algorithm", row["algorithm"], ALGORITHMS.get(str(key.get("kind"))))
    except LedgerError as error:
        verdict.false("signoff", f"The ledger has the sign-off of {who} otherwise: {error}.")
        return
    verdict.verified("signoff", f"The ledger has the sign-off of {who} in entry {entry.seq}, and the key as theirs.")
    verdict.open("signoff", f"That the key of {who} was not revoked before is seen in the whole log alone.")


def _same(what: str, *values: Any) -> None:
    if len(set(map(str, values))) > 1:
        raise VerificationError(f"the {what} differs between what was signed and what was recorded")
