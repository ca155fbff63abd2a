"""Which jobs and events this app answers. Imported from `ready()`."""

from __future__ import annotations

from audits.posthoc import services
from core import events, jobs

jobs.handles(services.RENDER)(services.render_handle)
events.on("job.dead", "posthoc.report", services.dead_handle)
