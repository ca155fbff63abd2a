from __future__ import annotations

import uuid

from django.core.management.base import BaseCommand, CommandError, CommandParser

from audits.runtime.models import MonitorState
from audits.runtime.monitoring import replay
from models_registry.models import Deployment


class Command(BaseCommand):
    help = (
        "Folds the stored outcomes and predictions of each deployment again, from nothing, and compares the wealth "
        "with what the monitor had written, to the last digit. An epoch that reaches into a retired month cannot be "
        "replayed; that is said, and is no failure. Changes nothing."
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
        said = [self._replayed(row.deployment) for row in rows]
        if different := said.count("different"):
            raise CommandError(
                f"{different} of {len(rows)} differ. Verify the ledger: rows of outcomes or predictions were "
                "changed, or the monitor's state was."
            )

    def _replayed(self, deployment: Deployment) -> str:
        found = replay(deployment)
        if found.gone:
            months = ", ".join(f"{month:%Y-%m}" for month in found.gone)
            said = f"NOT REPLAYABLE: month {months} retired, and this epoch of the monitor reaches into it"
        else:
            again = "equal to the last digit" if found.equal else "DIFFERENT"
            said = f"{found.position:,} outcomes folded again: {again}"
        self.stdout.write(f"{deployment.id}  {deployment}  {said}")
        return found.outcome
