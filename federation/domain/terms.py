"""The terms on which hospitals lend their data to a run: frozen with it, so that a signature covers them too."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from datetime import date, timedelta
from typing import Any

from federation.domain.legal_bases import HIPAA, LAWFULNESS, NO_PERSONAL_DATA, SPECIAL_CATEGORY, find

MOST_DAYS = 5 * 366  # nobody foresees what is done with data for longer
LONGEST_TEXT = 2000
_SHA256 = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True)
class EthicsApproval:
    """The decision of a review board (IRB, REC) that the run rests on.

    Attributes
    ----------
    body : str
        Who decided.
    number : str
        Under which number.
    valid_until : date
        The last day on which it holds.
    """

    body: str
    number: str
    valid_until: date

    def __post_init__(self) -> None:
        for name in ("body", "number"):
            _text(f"the ethics approval's {name}", getattr(self, name), 200)
        _day("the last day of the ethics approval", self.valid_until)

    @classmethod
    def from_dict(cls, raw: Mapping[str, Any]) -> EthicsApproval:
        """Read what `as_dict` wrote. Raises ValueError on anything else."""
        _exactly("an ethics approval", raw, cls)
        return cls(raw["body"], raw["number"], _read_day("the last day of the ethics approval", raw["valid_until"]))

    def as_dict(self) -> dict[str, Any]:
        return {**asdict(self), "valid_until": self.valid_until.isoformat()}


@dataclass(frozen=True)
class Terms:
    """What the institutions agree to beside the technical configuration.

    Attributes
    ----------
    purpose : str
        What the model is to be for, in words that a patient understands.
    lawfulness, special_category, hipaa : str
        Codes of `federation.domain.legal_bases`.
    ethics : EthicsApproval or None
        None only where no personal data are used.
    data_set : str
        Which data, in words.
    epsilon : float or None
        What the run may spend of each patient's privacy; None: the loss is not bounded. Equal to the run's budget.
    code_version : str
        `code_version()` of the platform that proposed the run.
    expires_on : date
        The last day on which a site works for the run. Its ethics approval must hold so long.
    """

    purpose: str
    lawfulness: str
    special_category: str
    hipaa: str
    ethics: EthicsApproval | None
    data_set: str
    epsilon: float | None
    code_version: str
    expires_on: date

    def __post_init__(self) -> None:
        _text("a purpose", self.purpose, LONGEST_TEXT)
        _text("a data set", self.data_set, 200)
        for code, among in ((self.lawfulness, LAWFULNESS), (self.special_category, SPECIAL_CATEGORY),
                            (self.hipaa, HIPAA)):  # fmt: skip
            find(code, among)
        without = [code == NO_PERSONAL_DATA for code in (self.lawfulness, self.special_category, self.hipaa)]
        if any(without) and not all(without):
            raise ValueError(
                f"expected {NO_PERSONAL_DATA} as all three legal bases or as none: data are synthetic or not"
            )
        if self.ethics is None and not all(without):
            raise ValueError("expected an ethics approval (body, number, last day), since patients' data are used")
        if not _SHA256.fullmatch(self.code_version):
            raise ValueError(f"expected a code version of 64 hexadecimal digits, got {self.code_version!r}")
        _day("the last day of the terms", self.expires_on)
        if self.ethics is not None and self.ethics.valid_until < self.expires_on:
            raise ValueError(
                f"expected an ethics approval that holds until the terms end on {self.expires_on}, got one until "
                f"{self.ethics.valid_until}; choose an earlier end or have it prolonged"
            )

    @classmethod
    def from_dict(cls, raw: Mapping[str, Any]) -> Terms:
        """Read what `as_dict` wrote. Raises ValueError on anything else."""
        _exactly("terms", raw, cls)
        ethics = EthicsApproval.from_dict(raw["ethics"]) if raw["ethics"] is not None else None
        return cls(**{**raw, "ethics": ethics, "expires_on": _read_day("the last day of the terms", raw["expires_on"])})

    def as_dict(self) -> dict[str, Any]:
        ethics = None if self.ethics is None else self.ethics.as_dict()
        return {**asdict(self), "ethics": ethics, "expires_on": self.expires_on.isoformat()}

    def check_dates(self, today: date) -> None:
        """Raise ValueError unless the terms end within `MOST_DAYS` from today and not before it."""
        last = today + timedelta(days=MOST_DAYS)
        if not today <= self.expires_on <= last:
            raise ValueError(f"expected an end of the terms from {today} to {last}, got {self.expires_on}")

    def rows(self) -> list[tuple[str, str]]:
        """The terms as names and sentences, in the order in which a signer would ask."""
        bounded = (
            f"At most ε = {self.epsilon:g} of each patient's privacy" if self.epsilon is not None else "Not bounded"
        )
        ethics = "None: no personal data are used"
        if self.ethics is not None:
            ethics = f"{self.ethics.body}, {self.ethics.number}, valid until {self.ethics.valid_until}"
        return [
            ("Purpose", self.purpose),
            ("Data set", self.data_set),
            ("Lawfulness", find(self.lawfulness, LAWFULNESS).label),
            ("Health data", find(self.special_category, SPECIAL_CATEGORY).label),
            ("HIPAA", find(self.hipaa, HIPAA).label),
            ("Ethics approval", ethics),
            ("Loss of privacy", bounded),
            ("Ends", f"{self.expires_on}: no site works for the run after that day"),
            ("Code version", self.code_version),
        ]


def _text(what: str, value: object, longest: int) -> None:
    if not isinstance(value, str) or not 0 < len(value.strip()) <= longest:
        raise ValueError(f"expected {what} of 1 to {longest} characters, got {value!r}")


def _day(what: str, value: object) -> None:
    if type(value) is not date:
        raise ValueError(f"expected a date as {what}, got {value!r}")


def _read_day(what: str, value: object) -> date:
    try:
        return date.fromisoformat(value)  # type: ignore[arg-type]
    except (TypeError, ValueError):
        raise ValueError(f"expected {what} as YYYY-MM-DD, got {value!r}") from None


def _exactly(what: str, raw: Mapping[str, Any], kind: type) -> None:
    names = {f.name for f in fields(kind)}
    if not isinstance(raw, Mapping) or set(raw) != names:
        got = sorted(raw) if isinstance(raw, Mapping) else raw
        raise ValueError(f"expected {what} with {', '.join(sorted(names))}, got {got}")
