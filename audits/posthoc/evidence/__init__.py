"""Evidence providers: named queries over what the platform has on record. Each counts; none judges a requirement.

All are asked together, with a fixed number of queries, over all institutions: they are counts, as in a report.
"""

from audits.posthoc.evidence import federation, models, records, risks, use  # noqa: F401 - each announces its providers
from audits.posthoc.evidence.base import findings

__all__ = ["findings"]
