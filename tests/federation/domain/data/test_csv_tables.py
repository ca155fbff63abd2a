"""Tables that are larger than any of the sets are not read on."""

import pytest

from federation.domain.data import csv_tables
from federation.domain.data.dataset import DataError
from federation.domain.data.heart import HeartSource
from federation.domain.data.lgg_demographics import read_table


def test_a_table_is_read_up_to_its_limit(tmp_path, monkeypatch):
    monkeypatch.setattr(csv_tables, "MAX_TABLE", 40)
    (tmp_path / "t.csv").write_bytes(b"a,b\n" + b"1,2\n" * 9)
    assert len(list(csv_tables.stream_rows(tmp_path / "t.csv", ["a"]))) == 9
    (tmp_path / "t.csv").write_bytes(b"a,b\n" + b"1,2\n" * 10)
    with pytest.raises(DataError, match="a table of more than 40 bytes"):
        list(csv_tables.stream_rows(tmp_path / "t.csv", ["a"]))


@pytest.mark.parametrize("name", ["processed.va.data", "data.csv"])
def test_a_small_table_that_is_large_is_refused_unread(tmp_path, monkeypatch, name):
    monkeypatch.setattr(csv_tables, "MAX_SMALL", 40)
    (tmp_path / name).write_bytes(b"x" * 41)
    with pytest.raises(DataError, match="got a file of more than 40 bytes"):
        HeartSource(tmp_path).load("va") if "va" in name else read_table(tmp_path / name)
