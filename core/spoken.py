"""Words that Python has in English, in the reader's language: on pages, and in messages composed of them."""

from __future__ import annotations

from django.utils.translation import get_language, gettext


def spoken(words: object) -> object:
    """Words that Python has in English, in the reader's language where that is known. Never for what people wrote.

    So labels of forms, choices and facts stay English in exports, in the API and in what is stored.
    """
    return gettext(str(words)) if words and not isinstance(words, int | float) else words


def inside(words: object) -> str:
    """`spoken` within a sentence, where English has small letters and German keeps its nouns as they are."""
    said = str(spoken(words))
    return said.lower() if (get_language() or "en").startswith("en") else said
