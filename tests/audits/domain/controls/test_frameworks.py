from __future__ import annotations

import pytest

from audits.domain.controls.frameworks import FrameworkError, load_folder, read_framework, read_own
from audits.domain.controls.names import EVIDENCE
from audits.posthoc.frameworks import shipped

ROW = {"id": "a-1", "reference": "1", "title": "Tell", "text": "Tell people.", "evidence": ["halts"]}
GIVEN = {"title": "House rules", "controls": [ROW]}


def test_a_framework_is_read():
    found = read_framework("house", GIVEN, ["halts"])
    assert (found.title, found.controls[0].evidence, found.own) == ("House rules", ("halts",), False)
    assert found.control("a-1") == found.controls[0]
    assert found.control("b") is None


@pytest.mark.parametrize(
    ("key", "content", "message"),
    [
        ("House Rules", GIVEN, "expected a file name of small letters"),
        ("house", {"controls": [ROW]}, "expected `title`"),
        ("house", {"title": "House"}, "expected a list `controls`"),
        ("house", {"title": "House", "controls": []}, "expected a list `controls`"),
        ("house", {**GIVEN, "colour": "red"}, "got also colour"),
        ("house", {**GIVEN, "controls": ["x"]}, "control 1: expected a table"),
        ("house", {**GIVEN, "controls": [ROW, ROW]}, "two controls have the id a-1"),
        ("house", {**GIVEN, "controls": [{**ROW, "id": "A 1"}]}, "got 'A 1'"),
        ("house", {**GIVEN, "controls": [{**ROW, "text": ""}]}, "expected `text`"),
        ("house", {**GIVEN, "controls": [{**ROW, "title": 7}]}, "expected `title`"),
        ("house", {**GIVEN, "controls": [{**ROW, "title": "x" * 201}]}, "at most 200 characters"),
        ("house", {**GIVEN, "controls": [{**ROW, "evidence": "halts"}]}, "to be a list of names"),
        ("house", {**GIVEN, "controls": [{**ROW, "evidence": ["luck"]}]}, "unknown evidence ['luck']"),
        ("house", {**GIVEN, "controls": [{**ROW, "weight": 1}]}, "got also ['weight']"),
    ],
)
def test_what_is_wrong_is_told_with_its_place(key, content, message):
    with pytest.raises(FrameworkError) as told:
        read_framework(key, content, ["halts"])
    assert message in str(told.value)


def test_own_files_that_are_wrong_are_left_out_and_told(tmp_path):
    row = 'id = "a"\nreference = "1"\ntitle = "T"\ntext = "T."\n'
    (tmp_path / "good.toml").write_text(f'title = "Good"\n[[controls]]\n{row}')
    (tmp_path / "bad.toml").write_bytes(b"\xff\xfe")
    (tmp_path / "gdpr.toml").write_text(f'title = "Mine"\n[[controls]]\n{row}')
    found, problems = read_own(tmp_path, [], ["gdpr"])
    assert [(one.key, one.own) for one in found] == [("good", True)]
    assert [problem.split(":")[0] for problem in problems] == ["bad.toml", "gdpr.toml"]
    assert "found none" in read_own(tmp_path / "nowhere", [], [])[1][0]
    with pytest.raises(FrameworkError, match="bad.toml"):
        load_folder(tmp_path, [])


def test_what_comes_with_the_platform():
    found = {one.key: {control.reference for control in one.controls} for one in shipped()}
    assert set(found) == {
        "eu_ai_act", "gdpr", "hipaa", "mdr", "iso_14971", "iec_62304", "nist_ai_rmf", "iso_31700_1", "iso_42001",
        "iso_23053",
    }  # fmt: skip
    for article in (9, 10, 12, 13, 14, 15, 17, 72, 73):
        assert f"Art. {article}" in found["eu_ai_act"]
    assert {f"Annex IV({number})" for number in range(1, 10)} <= found["eu_ai_act"]
    bound = {name for one in shipped() for control in one.controls for name in control.evidence}
    assert bound == set(EVIDENCE)


def test_the_texts_are_one_sentence_of_our_own():
    for one in shipped():
        for control in one.controls:
            assert control.text.endswith("."), control
            assert len(control.text) <= 160, control
            assert "ompliance" not in control.text
