"""Checks speak of the classical twin; where a run trained something else beside its quantum model, that is named."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import fields, is_dataclass, replace
from typing import Any

from federation.domain.models.choice import LOGISTIC, NO_ENTANGLEMENT
from federation.domain.models.specs import compared_of

# In texts and cells, where a group of patients may be called "twin", the phrase; in heads of columns the word too.
_PHRASE = re.compile(r"\bclassical twin\b|(?<=\bthe )twin\b", re.IGNORECASE)
_HEAD = re.compile(r"\b(classical )?twin\b", re.IGNORECASE)
_STAND_INS = {NO_ENTANGLEMENT: "ablation without entanglement", LOGISTIC: "logistic regression"}


def beside(config: Mapping[str, Any]) -> str:
    """What stands in the classical twin's place within a sentence; empty where a twin was trained, or none is known."""
    return _STAND_INS.get(compared_of(config["models"]), "") if config.get("models") else ""


def named(said: Any, config: Mapping[str, Any]) -> Any:
    """The same texts, tables and figures, in which the model beside is called what it is.

    Parameters
    ----------
    said : text, or any nesting of sequences, mappings and data classes of texts; other values stay as they are
    """
    stand_in = beside(config)
    return _renamed(said, stand_in) if stand_in else said


def _renamed(said: Any, stand_in: str, words: re.Pattern[str] = _PHRASE) -> Any:
    if isinstance(said, str):
        return words.sub(lambda found: stand_in.capitalize() if found[0][0].isupper() else stand_in, said)
    if isinstance(said, Mapping):
        return {key: _renamed(value, stand_in, words) for key, value in said.items()}
    if isinstance(said, list | tuple):
        return type(said)(_renamed(value, stand_in, words) for value in said)
    if is_dataclass(said) and not isinstance(said, type):
        parts = {part.name: getattr(said, part.name) for part in fields(said)}
        return replace(said, **{
            name: _renamed(value, stand_in, _HEAD if name == "columns" else words) for name, value in parts.items()
        })  # fmt: skip
    return said
