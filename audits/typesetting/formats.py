"""Numbers, times and digests as reports write them."""

import datetime as dt

MISSING = "not assessed"


def number(value: float | None, digits: int = 3) -> str:
    """A measured value with fixed decimals; an absent one is said to be absent."""
    return MISSING if value is None else f"{value:.{digits}f}".replace("-", "\u2212")


def count(value: int | None) -> str:
    """A count with thin spaces between thousands (ISO 80000-1)."""
    return MISSING if value is None else f"{value:,}".replace(",", "\u2009")


def p_value(value: float) -> str:
    """A p-value with its relation, "p = 0.213"; below 0.001 only the bound is meaningful."""
    return "p < 0.001" if value < 0.001 else f"p = {value:.3f}"


def interval(low: float | None, high: float | None, digits: int = 3) -> str:
    """Both bounds, or that there is no interval."""
    if low is None or high is None:
        return "no interval"
    return f"{number(low, digits)} to {number(high, digits)}"


def wealth(value: float) -> str:
    """The evidence of an e-process, which may span many orders of magnitude."""
    return f"{value:.1f}" if value < 10_000 else f"{value:.1e}"


def day(value: dt.date) -> str:
    """A date in words, e.g. "1 January 2026"; written out so that the machine's locale has no say."""
    return f"{value.day} {MONTHS[value.month - 1]} {value.year}"


def days(first: dt.date, last: dt.date) -> str:
    """A period in words; one day is not "from itself to itself"."""
    return day(first) if first == last else f"{day(first)} to {day(last)}"


def instant(value: dt.datetime | None) -> str:
    """A time in UTC to the second."""
    return "not yet" if value is None else value.astimezone(dt.UTC).strftime("%Y-%m-%d %H:%M:%S UTC")


def parts(value: dt.datetime) -> list[int]:
    """A time in UTC as numbers, for a document's own date: year, month, day, hour, minute, second."""
    return list(value.astimezone(dt.UTC).timetuple()[:6])


def short_digest(value: str) -> str:
    """The first 16 hexadecimal digits of a digest; the whole one is in the attached JSON."""
    return value[:16] + "…"


def plural(n: int, noun: str, many: str | None = None) -> str:
    """A count with its noun, e.g. "no halts", "1 halt", "2 halts"."""
    word = noun if n == 1 else many or f"{noun}s"
    return f"no {word}" if n == 0 else f"{count(n)} {word}"


MONTHS = (
    "January", "February", "March", "April", "May", "June",
    "July", "August", "September", "October", "November", "December",
)  # fmt: skip
