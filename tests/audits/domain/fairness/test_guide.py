from __future__ import annotations

from audits.domain.fairness.guide import GUIDE


def test_every_harm_names_whom_it_hurts_a_figure_and_what_the_figure_does_not_see():
    for row in GUIDE:
        assert all(vars(row).values()), row.harm
        assert row.harm.endswith(".") and row.blind_spot.endswith(".")
    assert len({row.harm for row in GUIDE}) == len(GUIDE)


def test_the_figures_are_those_of_checks_that_exist():
    from audits.predeployment.checks.registry import known

    # The kernel test is registered beside the other quantum checks.
    assert {row.check for row in GUIDE} <= {*known(), "quantum_mmd"}
