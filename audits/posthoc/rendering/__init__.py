"""The biannual report: its shape, the sentences that follow from its figures, and its PDF.

Pure code: a dictionary and SVG text in, bytes out. Nothing here reads a database, a clock or a network.

The caller gathers the period's facts, then::

    raw = complete(facts)                     # adds control mapping and summary, both derived from the facts
    pdf = render_pdf(raw, charts={"audits": svg})
"""

from .assembly import complete
from .documents import RenderError, render_html, render_pdf, report_bytes, report_digest
from .schema import SCHEMA, Report
from .validation import Fault, ReportInvalid, parse, validate

__all__ = [
    "SCHEMA",
    "Fault",
    "RenderError",
    "Report",
    "ReportInvalid",
    "complete",
    "parse",
    "render_html",
    "render_pdf",
    "report_bytes",
    "report_digest",
    "validate",
]
