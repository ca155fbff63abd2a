from __future__ import annotations

import uuid

from django.core.management.base import BaseCommand, CommandError, CommandParser

from audits.runtime.models import MonitorState
from audits.runtime.monitoring import replay
from models_registry.models import Deployment


class Command(BaseCommand):
    help = (
        "Folds the stored outcomes and predictions of each deployment again, from nothing, and compares the wealth "
        "with what the monitor had written, to the last digit. Changes nothing."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("deployments", nargs="*", metavar="DEPLOYMENT", help="ids; all, if none is given")

    def handle(self, *args, deployments: list[str], **options) -> None:
        rows = MonitorState.objects.select_related("deployment__version").order_by("deployment__created_at")
        if deployments:
            try:
                rows = rows.filter(deployment_id__in=[uuid.UUID(name) for name in deployments])
                found = {str(row.deployment_id) for row in rows}
            except ValueError:
                raise CommandError(f"Expected ids of deployments, got {' '.join(deployments)}.") from None
            if missing := sorted(set(deployments) - found):
                raise CommandError(f"The monitor knows no deployment {', '.join(missing)}.")
        different = [row.deployment for row in rows if not self._same(row.deployment)]
        if different:
            raise CommandError(
                f"{len(different)} of {len(rows)} differ. Verify the ledger: rows of outcomes or predictions were "
                "changed, or the monitor's state was."
            )

    def _same(self, deployment: Deployment) -> bool:
        found = replay(deployment)
        said = "equal to the last digit" if found.equal else "DIFFERENT"
        self.stdout.write(f"{deployment.id}  {deployment}  {found.position:,} outcomes folded again: {said}")
        return found.equal
