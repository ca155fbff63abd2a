import pytest

from audits.domain.verdict import Verdict, combine

P, F, INC, N = Verdict.PASS, Verdict.FAIL, Verdict.INCONCLUSIVE, Verdict.NOT_ASSESSABLE


@pytest.mark.parametrize(
    ("parts", "whole"),
    [([P, P], P), ([P, N], N), ([N, INC, P], INC), ([P, INC, N, F], F), ([], N)],
)
def test_the_worst_part_decides_and_nothing_is_not_a_pass(parts, whole):
    assert combine(parts) is whole


def test_only_a_pass_lets_certification_go_on():
    assert [v.blocks for v in (P, F, INC, N)] == [False, True, True, True]


def test_every_verdict_explains_itself():
    assert all(v.explanation.endswith(".") for v in Verdict)
    assert "not a pass" in N.explanation
