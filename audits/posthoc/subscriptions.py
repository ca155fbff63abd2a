from __future__ import annotations

from core import jobs
from provenance.api.verification import KIND, verification_handle

jobs.handles(KIND)(verification_handle)
