"""Tags for what stands below the monitor on a deployment's page: {% load reviews %}."""

from __future__ import annotations

from typing import Any

from django import template

from audits.runtime.reviews import Reliance, reliance_of
from audits.runtime.scope import refused_of
from models_registry.models import Deployment
from models_registry.scope import scope_words

register = template.Library()


@register.simple_tag
def reliance(deployment: Deployment) -> list[Reliance]:
    """How far each site relies on the model; empty before the first prediction."""
    rows = reliance_of(deployment)
    return rows if rows[0].served else []


@register.simple_tag
def scope(deployment: Deployment) -> dict[str, Any]:
    """What the deployment is approved for, and what was refused for it."""
    return {"words": scope_words(deployment.policy), "refused": refused_of(deployment)}
