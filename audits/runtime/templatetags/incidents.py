"""What other pages show of incidents: `{% load incidents %}{% incidents_of deployment user %}`."""

from __future__ import annotations

from typing import Any

from django import template

from audits.runtime.models import Halt, Incident
from models_registry.models import Deployment

register = template.Library()


@register.inclusion_tag("audits_runtime/incidents_of.html")
def incidents_of(deployment: Deployment, user: Any) -> dict[str, Any]:
    """Incidents that are not closed, halts at single sites, and halts of other deployments of the same version."""
    mine = Incident.objects.not_closed().filter(deployment=deployment).select_related("halt__halted_by")
    kin = Deployment.objects.for_user(user).filter(version=deployment.version_id).exclude(id=deployment.id)
    elsewhere = Halt.objects.standing().filter(deployment__in=kin.values("id")).select_related("deployment")
    return {
        "deployment": deployment,
        "incidents": list(mine),
        "at_sites": list(Halt.objects.standing().filter(deployment=deployment).exclude(site="")),
        "elsewhere": list(elsewhere),
    }
