"""What the audit reacts to. Imported by `ready()`."""

from audits.predeployment import running, services
from core import events

events.on("version.created", "predeployment", services.version_created)
events.on("order.audit", "predeployment", running.answered)
events.on("job.dead", "predeployment", running.job_died)
