"""The report of one finished audit: as canonical JSON, and as a PDF that has this JSON attached.

Both are made from the rows on record and from nothing else, so the same audit always gives the same bytes.
"""

from __future__ import annotations

from django.utils.translation import gettext as _

from audits.predeployment.models import AuditRun
from audits.predeployment.report.content import report_of
from audits.typesetting.pdf import RenderError
from core.errors import Conflict
from federation.domain.messages import canonical

__all__ = ["report_json", "report_pdf"]


def report_json(audit: AuditRun) -> bytes:
    """The report as canonical JSON.

    Raises
    ------
    Conflict
        If the audit is not finished, its rows have changed since, or the ledger does not hold its end yet.
    """
    return canonical(report_of(audit))


def report_pdf(audit: AuditRun) -> bytes:
    """The report as PDF/A-3A and PDF/UA-1, with `report_json` attached.

    Raises
    ------
    Conflict
        As `report_json`; also if the report cannot be typeset, which the message explains.
    """
    from audits.predeployment.report.layout import render  # typst costs time to import

    try:
        return render(report_of(audit))
    except RenderError as error:
        raise Conflict(_("The PDF cannot be typeset; the JSON has everything. %(error)s") % {"error": error}) from error
