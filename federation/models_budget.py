"""What institutions let be spent of their patients' privacy, and what runs reserved and spent of it."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.db.models import Q

from accounts.models import Institution
from core.capture import captured
from core.fields import SealedTextField
from core.models import GovernedModel
from federation.domain.privacy.accountant import Spend


class PrivacyBudget(GovernedModel):
    """The most that may be spent of each patient's privacy on one data set, over all runs. The newest row counts."""

    institution = models.ForeignKey(Institution, on_delete=models.PROTECT, related_name="privacy_budgets")
    data_set = models.CharField(max_length=80)  # `source` of the manifests: new patients do not refresh the old ones
    epsilon = models.FloatField()
    delta = models.FloatField()
    reason = SealedTextField(subject="set_by_id", blank=True)
    set_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")

    class Meta:
        ordering = ["-created_at"]
        triggers = captured("id", "created_at", "institution_id", "data_set", "epsilon", "delta", "reason", "set_by_id")
        constraints = [
            models.CheckConstraint(condition=Q(epsilon__gt=0, delta__gt=0, delta__lt=1), name="privacy_budget_range")
        ]

    def __str__(self) -> str:
        return f"{self.institution}, {self.data_set}: ε {self.epsilon:g}"


class PrivacyReservation(GovernedModel):
    """What a run may spend at one site. Made with the proposal; what is not spent is released when the run ends."""

    run = models.ForeignKey("federation.TrainingRun", on_delete=models.PROTECT, related_name="reservations")
    participant = models.ForeignKey("federation.Participant", on_delete=models.PROTECT, related_name="reservations")
    data_set = models.CharField(max_length=80)
    round_spends = models.JSONField(null=True)  # of one round, both models; null: without differential privacy
    score_spends = models.JSONField(null=True)  # {"each", "last"}: of a round's scores, of those after the last round
    released_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ["created_at"]
        triggers = captured(
            "id", "created_at", "run_id", "participant_id", "data_set", "round_spends", "score_spends", "released_at"
        )  # fmt: skip
        constraints = [models.UniqueConstraint(fields=["run", "participant"], name="reservation_once")]

    def __str__(self) -> str:
        return f"{self.participant}, {self.data_set}"

    def of_rounds(self, rounds: int) -> list[Spend]:
        """What so many rounds, the last ones of the run, spend as planned; nothing countable without noise."""
        each = [(Spend.from_dict(raw), rounds) for raw in self.round_spends or []]
        if rounds and self.score_spends:
            told = {name: Spend.from_dict(raw) for name, raw in self.score_spends.items()}
            each += [(told["each"], rounds - 1), (told["last"], 1)]
        return [Spend.from_dict({**spend.as_dict(), "steps": spend.steps * many}) for spend, many in each]


class PrivacyCharge(GovernedModel):
    """What one round spent at one site.

    Written when the site is asked to train, as planned: whether the answer was computed, or read by somebody, is not
    known if it never arrives. Corrected to what the site reports.
    """

    reservation = models.ForeignKey(PrivacyReservation, on_delete=models.PROTECT, related_name="charges")
    round = models.ForeignKey("federation.Round", on_delete=models.PROTECT, related_name="charges")
    spends = models.JSONField(null=True)
    score_spend = models.JSONField(null=True)  # of patients who are scored: others than those trained on in the run
    reported = models.BooleanField(default=False)

    class Meta:
        ordering = ["created_at"]
        triggers = captured("id", "created_at", "reservation_id", "round_id", "spends", "score_spend", "reported")
        constraints = [models.UniqueConstraint(fields=["reservation", "round"], name="charge_once")]

    def __str__(self) -> str:
        return f"{self.reservation}, {self.round}"

    @property
    def counted(self) -> list[Spend]:
        """Of training and of scores."""
        return [Spend.from_dict(raw) for raw in [*(self.spends or []), self.score_spend] if raw]
