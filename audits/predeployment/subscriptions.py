"""What the audit reacts to. Imported by `ready()`."""

from audits.predeployment import running, services
from audits.predeployment.external import running as external_running
from audits.predeployment.querysets import open_versions
from core import events
from models_registry.querysets import opens_versions

events.on("version.created", "predeployment", services.version_created)
events.on("order.audit", "predeployment", running.answered)
events.on("job.dead", "predeployment", running.job_died)
events.on("job.dead", "external", external_running.job_died)
opens_versions(open_versions)
