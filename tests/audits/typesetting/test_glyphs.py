"""What the fonts can show, and what is written in its place."""

from hypothesis import given, settings
from hypothesis import strategies as st

from audits.typesetting.glyphs import COVERED, breakable, displayable, is_covered
from audits.typesetting.pdf import compiled


def test_direction_overrides_become_visible() -> None:
    assert displayable("FAIL \u202eSSAP") == "FAIL [U+202E]SSAP"


def test_decomposed_letters_are_composed_and_lone_marks_named() -> None:
    assert displayable("e\u0301") == "é"
    assert displayable("\u0301") == "[U+0301]"


def test_line_breaks_stay_and_control_characters_are_named() -> None:
    assert displayable("a\r\nb\tc\x07") == "a\nb c[U+0007]"


def test_digests_stay_whole_and_other_long_words_get_break_opportunities() -> None:
    digest = "0123456789abcdef" * 4
    assert breakable(f"{digest} 0x{digest}") == f"{digest} 0x{digest}"
    assert breakable("x" * 29) == "\u200b".join(["x" * 12, "x" * 12, "x" * 5])


def test_typst_has_a_glyph_for_every_character_said_to_be_covered() -> None:
    covered = "".join(chr(code) for low, high in COVERED for code in range(low, high + 1) if is_covered(chr(code)))
    source = b"""#set document(title: "x", date: datetime(year: 2026, month: 7, day: 2))
    #set text(lang: "en", font: ("Libertinus Serif", "DejaVu Sans Mono"))
    #for it in read("all").clusters() [#it ]"""
    assert compiled({"main": source, "all": covered.encode()}).startswith(b"%PDF-1.7")


@settings(max_examples=12, deadline=None)
@given(text=st.text(min_size=1, max_size=60))
def test_any_text_renders(text: str) -> None:
    source = b"""#set document(title: "x", date: datetime(year: 2026, month: 7, day: 2))
    #set text(lang: "en", font: ("Libertinus Serif", "DejaVu Sans Mono"))
    #read("it")"""
    assert compiled({"main": source, "it": breakable(displayable(text)).encode("utf-8", "replace")})
