"""What the audit reacts to. Imported by `ready()`."""

from audits.predeployment import services
from core import events

events.on("version.created", "predeployment", services.version_created)
events.on("order.audit", "predeployment", services.audit_answered)
events.on("job.dead", "predeployment", services.job_died)
