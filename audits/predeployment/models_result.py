"""The columns of a check's result, wherever it was measured."""

from __future__ import annotations

from django.db import models

from audits.domain.verdict import Verdict
from core.models import GovernedModel

RESULT_COLUMNS = (
    "check_id", "principle", "title", "decides", "verdict", "value", "lower", "upper", "level", "threshold", "sentence",
    "change", "tables", "figures", "evidence", "provenance", "seconds", "digest",
)  # fmt: skip


VERDICTS = [(v.value, v.value.replace("_", " ")) for v in Verdict]


class ResultRow(GovernedModel):
    """What one check measured. Its digest is the address of its content: the canonical JSON hashes to it."""

    class Decides(models.TextChoices):
        CERTIFIES = "certifies", "Must pass"
        REFUTES = "refutes", "A fail decides"
        INFORMS = "informs", "Informs"

    check_id = models.SlugField(max_length=40)
    principle = models.CharField(max_length=20)
    title = models.CharField(max_length=120)
    decides = models.CharField(max_length=10, choices=Decides)
    verdict = models.CharField(max_length=20, choices=VERDICTS)
    value = models.FloatField(null=True)  # absent if it could not be measured
    lower = models.FloatField(null=True)
    upper = models.FloatField(null=True)
    level = models.FloatField(null=True)  # confidence of the bounds
    threshold = models.FloatField(null=True)
    sentence = models.TextField()  # the number in plain words
    change = models.TextField(blank=True)  # what would change the verdict
    tables = models.JSONField(default=list)
    figures = models.JSONField(default=list)
    evidence = models.JSONField()
    provenance = models.JSONField(default=dict)  # settings, seeds, versions, the answers it rests on
    seconds = models.JSONField(default=dict)  # what it cost: site -> seconds, and "platform"
    digest = models.CharField(max_length=64)

    class Meta:
        abstract = True

    def __str__(self) -> str:
        return f"{self.title}: {self.verdict}"

    @property
    def gating(self) -> bool:
        """Whether it can decide the audit's verdict."""
        return self.decides != self.Decides.INFORMS
