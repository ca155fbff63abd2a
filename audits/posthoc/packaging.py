"""A report to take away: its files, their manifest, all signatures, and what the ledger has of it, in one zip.

`python -m provenance.verifier report.zip` checks it without the platform (docs/verifier.md).
"""

from __future__ import annotations

from contextlib import suppress
from typing import Any

from django.conf import settings
from django.db.models import Q

from audits.posthoc.models import Report, ReportSignOff
from audits.posthoc.services import report_file
from core.errors import Conflict
from models_registry.models import ReviewerKey
from provenance.bundles import NotSigned, bundle_build, object_bundle
from provenance.domain.archive import write_archive
from provenance.domain.bundle import Subject
from provenance.domain.canonical import canonical
from provenance.models import Entry
from provenance.reading import latest_entry

README = """\
A REPORT of {origin}

manifest.json    names each file by SHA-256; the platform signed it
signatures.json  the platform's signatures, and those of the people who signed the report off
files/           the report: every file says the same, made from report.json
ledger.zip       what the ledger has of this report (where it was in a signed checkpoint by then)
people.zip       what the ledger has of those people's signatures, and of the keys that they signed with

To check it you need Python 3.11 or newer with the package `cryptography`, and the verifier, one file:
    python verifier.pyz {name} --report-key report-keys.txt --keys log-keys.txt --site https://THE-PLATFORM
Get the keys from somewhere else than this file: a forger would put his own in.
"""


def package(*, report: Report, actor: Any) -> bytes:
    """The zip of a finished report. The ledger's part is in it once a signed checkpoint covers the report's end.

    Raises
    ------
    Conflict
        If the report is not finished, or was made before reports were signed.
    """
    if not report.manifest_digest:
        raise Conflict("This report is not finished, or was made before reports were signed. Issue it again.")
    signed = list(report.sign_offs.select_related("key"))
    members = {
        "REPORT.txt": README.format(origin=settings.LOG_ORIGIN, name=f"report-{report.id}.zip").encode(),
        "manifest.json": report_file(report=report, kind="manifest"),
        "signatures.json": canonical({"platform": report.signatures, "people": [_told(one) for one in signed]}),
        **{f"files/report.{kind}": report_file(report=report, kind=kind) for kind in report.files},
    }
    if latest_entry(report.id) is not None:
        with suppress(NotSigned):  # for some seconds after it was made; the verifier says that it is missing
            members["ledger.zip"] = object_bundle(
                table=Report._meta.db_table, object_id=str(report.id), title=str(report), actor=actor.pk
            )
    if entries := _about(signed):
        with suppress(NotSigned):
            told = Subject(ReportSignOff._meta.db_table, "", f"who signed off: {report}")  # several objects
            members["people.zip"] = bundle_build(entries=entries, subject=told, actor=actor.pk)
    return write_archive(members)


def _about(signed: list[ReportSignOff]) -> list[Entry]:
    """What the ledger has of the sign-offs and of the keys that they were made with."""
    about = Q(table=ReportSignOff._meta.db_table, object_id__in=[str(one.pk) for one in signed])
    about |= Q(table=ReviewerKey._meta.db_table, object_id__in=[str(one.key_id) for one in signed])
    return list(Entry.objects.filter(about)) if signed else []


def _told(signed: ReportSignOff) -> dict[str, str]:
    ours = signed.key.kind == ReviewerKey.Kind.MLDSA65
    return {
        "algorithm": "ml-dsa-65" if ours else "webauthn", "capacity": signed.capacity,
        "public_key": signed.key.public_key, "statement": signed.statement, "signature": signed.signature,
    }  # fmt: skip
