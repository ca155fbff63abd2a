"""Tables for spreadsheets: no cell is a formula, numbers stand in full, and what is missing is empty."""

from __future__ import annotations

import pytest

from core.spreadsheets import csv_text, harmless


@pytest.mark.parametrize(
    ("text", "written"),
    [("=HYPERLINK(1)=x", "'=HYPERLINK(1)=x"), ("sex=female", "sex=female"), ("@x", "'@x"), ("-1+1", "'-1+1"), ("", "")],
)
def test_no_cell_is_a_formula(text, written):
    assert harmless(text) == written


def test_a_table_by_hand():
    assert csv_text(("a", "b"), [("x,y", 0.1), (None, -2), ("=1", True)]) == 'a,b\r\n"x,y",0.1\r\n,-2\r\n\'=1,True\r\n'
