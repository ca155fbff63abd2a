"""Checking a report: its files against the manifest, the signatures under it, and the ledger's word about it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any

from provenance.domain.archive import read_archive
from provenance.domain.canonical import parse_canonical
from provenance.domain.errors import FormatError, LedgerError, VerificationError
from provenance.domain.report import (
    ALGORITHMS,
    PlatformSignature,
    read_keys,
    read_manifest,
    verify_signature,
    verify_signoff,
)
from provenance.domain.statement import SECURITY_KEY
from provenance.verifier.bundles import check_bundle
from provenance.verifier.findings import Verdict
from provenance.verifier.options import Options
from provenance.verifier.signatures import ASK_SITE, check_signers, row_of

FIRST = b"REPORT.txt"  # the first file of every report's zip, at byte 30
_BESIDE = {"REPORT.txt", "manifest.json", "signatures.json", "ledger.zip", "people.zip"}


def check_report(verdict: Verdict, data: bytes, options: Options) -> None:
    """Check everything in a report's zip.

    Raises
    ------
    FormatError
        If it is none.
    """
    members = read_archive(data)
    if missing := {"manifest.json", "signatures.json"} - set(members):
        raise FormatError(f"expected {' and '.join(sorted(missing))} in a report's zip")
    raw = members["manifest.json"]
    manifest, signatures = read_manifest(raw), _signatures(members["signatures.json"])
    verdict.facts |= {
        "report": manifest["report"], "name": manifest["name"], "origin": manifest["origin"],
        "issue": manifest["issue"], "period": [manifest["period_start"], manifest["period_end"]],
    }  # fmt: skip
    _check_files(verdict, manifest, members)
    platform = _check_platform(verdict, raw, signatures, options)
    people = _check_people(verdict, manifest, signatures.get("people") or [], options)
    check_signers(verdict, people, members.get("people.zip"), options)
    _check_ledger(verdict, manifest, hashlib.sha256(raw).hexdigest(), platform, members.get("ledger.zip"), options)


def _signatures(data: bytes) -> dict[str, Any]:
    found = parse_canonical(data)
    if not isinstance(found, dict) or not isinstance(found.get("platform"), list):
        raise FormatError("expected the signatures of a report")
    return found


def _check_files(verdict: Verdict, manifest: Mapping[str, Any], members: Mapping[str, bytes]) -> None:
    named = {f"files/{name}": file for name, file in manifest["files"].items()}
    for name, file in sorted(named.items()):
        data = members.get(name)
        if data is None:
            verdict.false("files", f"{name} is named in the manifest, and is not there.")
        elif (len(data), hashlib.sha256(data).hexdigest()) != (file["bytes"], file["sha256"]):
            verdict.false("files", f"{name} is not the file that the manifest names: it was changed.")
        else:
            verdict.verified("files", f"{name} is the file that the manifest names, SHA-256 {file['sha256']}.")
    for name in sorted(set(members) - set(named) - _BESIDE):
        verdict.false("files", f"{name} is in the zip, and the manifest does not name it.")
    verdict.open("files", "That every file says the same as report.json is the platform's word, signed with them.")


def _check_platform(
    verdict: Verdict, manifest: bytes, signatures: Mapping[str, Any], options: Options
) -> list[PlatformSignature]:
    given, good = read_keys(options.report_keys), []
    for row in signatures["platform"]:
        try:
            signature = PlatformSignature(**row)
            verify_signature(manifest, signature)
        except (LedgerError, TypeError) as error:
            verdict.false("signature", f"A signature of the platform does not hold: {error}.")
            continue
        if given and signature.key not in given:
            verdict.false(
                "signature", f"The manifest is signed with an {signature.algorithm} key that you did not give."
            )
            continue
        good.append(signature)
        verdict.verified("signature", f"The platform's {signature.algorithm} key signed the manifest.")
    for algorithm in sorted(set(ALGORITHMS) - {signature.algorithm for signature in good}):
        verdict.false("signature", f"There is no good {algorithm} signature of the platform; a report has both.")
    if not given:
        verdict.facts["keys"] = {"source": "file", "vkeys": [signature.key for signature in good]}
        verdict.open(
            "keys",
            "The report's keys were taken from the file itself, on trust. Get them elsewhere and give them with "
            "--report-key; or trust the ledger, which names them.",
        )
    return good


def _check_people(
    verdict: Verdict, manifest: Mapping[str, Any], people: list[Any], options: Options
) -> list[tuple[Mapping[str, Any], Mapping[str, Any]]]:
    """Check what people signed; those rows whose signature holds, each with its statement."""
    good: list[tuple[Mapping[str, Any], Mapping[str, Any]]] = []
    if not people:
        verdict.open("signoff", "Nobody has signed the report off in this file.")
    for row in people:
        capacity = str(row.get("capacity") if isinstance(row, dict) else row)[:40]
        try:
            told, by = verify_signoff(
                manifest, algorithm=row["algorithm"], statement=row["statement"], public_key=row["public_key"],
                signature=row["signature"], site=options.site,
            )  # fmt: skip
            if told["capacity"] != row["capacity"]:
                raise VerificationError("they signed in another capacity")
            who, when = told["person"], told["issued_at"]
        except (LedgerError, KeyError, TypeError) as error:
            verdict.false("signoff", f"The sign-off as {capacity} does not hold: {error}.")
            continue
        verdict.verified("signoff", f"{who} signed these files off as {capacity}, {when}, with {by}.")
        if options.site is None and row["algorithm"] == SECURITY_KEY:
            verdict.open("signoff", ASK_SITE)
        good.append((row, told))
    return good


def _check_ledger(
    verdict: Verdict, manifest: Mapping[str, Any], digest: str, platform: list[PlatformSignature],
    bundle: bytes | None, options: Options,
) -> None:  # fmt: skip
    """Whether the ledger recorded this manifest, and under these keys, when the report was finished."""
    if bundle is None:
        verdict.open("ledger", "The file holds nothing from the ledger: when the report was made, nobody vouches for.")
        return
    beside = Verdict("bundle", "ledger.zip")
    checked = check_bundle(beside, bundle, options)
    verdict.findings += beside.findings
    verdict.evidence += beside.evidence
    verdict.facts["ledger"] = beside.facts
    if checked is None:
        return
    rows = [
        row for entry in checked.bundle.entries if (row := row_of(entry.body)) and row.get("id") == manifest["report"]
    ]
    finished = [row for row in rows if row.get("state") == "finished"]
    if not finished:
        verdict.unchecked("ledger", "The ledger's part shows no entry in which this report was finished.")
    elif any(row.get("manifest_digest") != digest for row in finished):
        verdict.false("ledger", "The ledger recorded another manifest of this report: the files are not what was kept.")
    elif any(_keys(row) != {signature.key for signature in platform} for row in finished):
        verdict.false("ledger", "The ledger recorded this report under other keys of the platform.")
    else:
        verdict.verified("ledger", "The ledger recorded this manifest, under these keys, when the report was finished.")


def _keys(row: Mapping[str, Any]) -> set[str]:
    try:
        told = json.loads(row["signatures"])  # the log has what a column of JSON holds as text
        return {PlatformSignature(**signature).key for signature in told}
    except (KeyError, TypeError, ValueError):
        return set()
