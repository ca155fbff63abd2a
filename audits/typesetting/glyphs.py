"""Which characters the PDF can show.

PDF/A and PDF/UA forbid the "missing glyph" box, so one name in an uncovered script would stop the whole report; and
typst 0.15 panics on some lone combining marks. Only the fonts inside typst are used, so that the same report gives the
same bytes on every machine. Text is therefore brought to composed form and what the fonts lack is written as its code
point, which also makes direction overrides and other invisible characters visible. The attached JSON keeps the exact
text.
"""

import re
import unicodedata

# Blocks that typst 0.15's own fonts (Libertinus Serif, then DejaVu Sans Mono) cover but for unassigned code points.
COVERED: tuple[tuple[int, int], ...] = (
    (0x0020, 0x007E),  # Latin
    (0x00A0, 0x00AC),
    (0x00AE, 0x02FF),  # Latin extensions, phonetic; without the invisible soft hyphen
    (0x0370, 0x0482),  # Greek, Cyrillic
    (0x048A, 0x04FF),
    (0x0531, 0x0556),  # Armenian
    (0x05D0, 0x05EA),  # Hebrew
    (0x0621, 0x063A),  # Arabic letters and digits
    (0x0640, 0x064A),
    (0x0660, 0x0669),
    (0x06F0, 0x06F9),
    (0x10D0, 0x10FA),  # Georgian
    (0x1E00, 0x200A),  # Latin and Greek additions, spaces
    (0x2010, 0x2027),  # punctuation
    (0x202F, 0x203E),
    (0x2070, 0x209C),  # super- and subscripts
    (0x20A0, 0x20C0),  # currencies
    (0x2100, 0x211E),  # letter-like, number forms
    (0x2126, 0x2151),
    (0x2190, 0x22FF),  # arrows, mathematics
    (0x2500, 0x25FF),  # lines, shapes
)  # fmt: skip


def displayable(text: str) -> str:
    """The text with each character that cannot be shown written as "[U+XXXX]"; line breaks stay, tabs become spaces."""
    composed = unicodedata.normalize("NFC", text).replace("\r\n", "\n").replace("\t", " ")
    return "".join(char if char == "\n" or is_covered(char) else f"[U+{ord(char):04X}]" for char in composed)


def is_covered(char: str) -> bool:
    """Whether typst's embedded fonts have a glyph for one character."""
    code = ord(char)
    return any(low <= code <= high for low, high in COVERED) and unicodedata.category(char) != "Cn"


LONG_WORD = re.compile(r"\S{27,}")
DIGEST = re.compile(r"(0x)?[0-9a-f]{64}")


def breakable(text: str) -> str:
    """The text with break opportunities (zero-width spaces) in very long words, so that none leaves its column.

    Digests stay whole, because they are copied out of the PDF; the template gives them room.
    """
    return LONG_WORD.sub(lambda word: word[0] if DIGEST.fullmatch(word[0]) else _split(word[0]), text)


def _split(word: str) -> str:
    return "\u200b".join(word[i : i + 12] for i in range(0, len(word), 12))
