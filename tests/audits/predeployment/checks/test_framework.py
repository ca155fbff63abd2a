"""What the framework makes of a check that does well, badly or nothing: docs/design/adding-a-check.md, tried out."""

from __future__ import annotations

import math
from importlib.metadata import EntryPoint

import numpy as np
import pytest

from audits.domain.verdict import Verdict
from audits.predeployment.checks import registry
from audits.predeployment.checks.base import (
    AnswerError,
    Check,
    Direction,
    Figure,
    Gathered,
    Limit,
    NotMeasured,
    Parameter,
    Principle,
    Result,
    Table,
)
from audits.predeployment.checks.plain import plain
from audits.predeployment.checks.registry import UnknownCheck, check_of, known
from audits.predeployment.checks.running import SettingError, conclude, read_answer, settings_of, tightened
from federation.domain.models.choice import ModelChoice
from federation.domain.models.specs import chosen_specs


class FalseAlarms(Check):
    """The example of docs/design/adding-a-check.md: the share of healthy patients that the model alarms."""

    id = "false_alarms"
    title = "False alarms"
    principle = Principle.PERFORMANCE
    question = "Of a hundred healthy patients, how many would the model alarm?"
    inputs = ("audit patients",)
    limit = Limit("most", Direction.AT_MOST)
    parameters = (Parameter("most", 0.2, "largest tolerated share", 0.01, 0.9, tightens="down"),)
    libraries = ("numpy",)

    def measure(self, at):
        found = at.outcomes("primary")
        healthy = ~found.truth
        if not healthy.any():
            raise NotMeasured("no healthy patient is in the audit here")
        return {"healthy": int(healthy.sum()), "alarmed": int((healthy & found.flagged).sum())}

    def read(self, site, raw, settings):
        if not 0 <= raw["alarmed"] <= raw["healthy"]:
            raise AnswerError(f"expected at most {raw['healthy']} alarms, got {raw['alarmed']}")
        return raw["healthy"], raw["alarmed"]

    def conclude(self, gathered):
        n, alarmed = (sum(column) for column in zip(*gathered.each, strict=True))
        share, most = alarmed / n, gathered.settings["most"]
        reach = 1.96 * math.sqrt(share * (1 - share) / n)
        low, high = share - reach, share + reach
        verdict = Verdict.FAIL if low > most else Verdict.PASS if high <= most else Verdict.INCONCLUSIVE
        rows = tuple((site, *answers[0]) for site, answers in sorted(gathered.answers.items()))
        return Result(
            verdict, (f"{share:.0%} of {n} healthy patients are alarmed.",), share, low, high, most, 0.95,
            tables=(Table("By site", ("Site", "Healthy", "Alarmed"), rows),),
            figures=(Figure("bars", "Alarmed", tuple((row[0], row[2]) for row in rows), {"x_label": "Patients"}),),
        )  # fmt: skip


def gathered(*answers: tuple[int, int], task="classification", **given) -> Gathered:
    return Gathered(task, {"most": 0.2}, 1, {f"s{i}": (answer,) for i, answer in enumerate(answers)}, **given)


@pytest.mark.parametrize(
    ("answers", "verdict"),
    [([(500, 40), (500, 60)], "pass"), ([(500, 200), (500, 160)], "fail"), ([(20, 4), (20, 5)], "inconclusive")],
)
def test_a_verdict_comes_from_bounds(answers, verdict):
    found = conclude(FalseAlarms(), gathered(*answers))
    assert found.verdict == verdict and found.change and found.versions["numpy"] == np.__version__


def test_a_site_that_failed_makes_it_inconclusive_and_is_named():
    found = conclude(FalseAlarms(), gathered((500, 40)), {"north": "MemoryError"})
    assert found.verdict is Verdict.INCONCLUSIVE and "north: MemoryError" in found.sentences[0]


def test_a_site_with_nothing_to_measure_is_left_out_and_all_of_them_are_no_pass():
    assert conclude(FalseAlarms(), gathered((500, 40), absent={"north": "nobody healthy"})).verdict is Verdict.PASS
    found = conclude(FalseAlarms(), gathered(absent={"north": "nobody healthy"}))
    assert found.verdict is Verdict.NOT_ASSESSABLE and "nobody healthy" in found.sentences[0]


def test_a_task_that_it_is_not_for_is_not_applicable_even_if_a_site_failed():
    class Images(FalseAlarms):
        tasks = ("segmentation",)

    assert conclude(Images(), gathered(), {"north": "refused"}).verdict is Verdict.NOT_APPLICABLE


@pytest.mark.parametrize(
    "given",
    [
        {"value": None, "threshold": 0.2},
        {"value": 0.1, "threshold": None},
        {"value": math.nan, "threshold": 0.2},
        {"value": 0.1, "upper": 0.3, "threshold": 0.2},
        {"value": 0.3, "threshold": 0.2},
        {"value": 0.3, "threshold": 0.5},  # a limit of its own making
    ],
)
def test_a_pass_that_its_figures_do_not_carry_is_none(given):
    class Generous(FalseAlarms):
        def conclude(self, gathered):
            return Result(Verdict.PASS, ("All is well.",), **given)

    found = conclude(Generous(), gathered((10, 1)))
    assert found.verdict is Verdict.INCONCLUSIVE and "reported a pass" in found.sentences[-1]


def test_a_check_that_raises_or_returns_nothing_is_inconclusive():
    class Raises(FalseAlarms):
        def conclude(self, gathered):
            raise ZeroDivisionError("no patients")

    class Nothing(FalseAlarms):
        def conclude(self, gathered):
            return None

    for check in (Raises(), Nothing()):
        found = conclude(check, gathered((10, 1)))
        assert found.verdict is Verdict.INCONCLUSIVE and "The check failed" in found.sentences[0]


@pytest.mark.parametrize("raw", [None, [], "yes", {}, {"healthy": 1}, {"healthy": 1, "alarmed": 2}, {"healthy": "1"}])
def test_an_answer_that_makes_no_sense_is_refused_with_the_site(raw):
    with pytest.raises(AnswerError, match="^north: "):
        read_answer(FalseAlarms(), "north", raw, {"most": 0.2})


def test_settings_are_defaults_with_the_chosen_in_their_place():
    assert settings_of(FalseAlarms()) == {"most": 0.2}
    assert settings_of(FalseAlarms(), {"most": 0.1}) == {"most": 0.1}
    for wrong in ({"most": 1.5}, {"most": math.nan}, {"most": "0.1"}, {"most": True}, {"least": 0.1}):
        with pytest.raises(SettingError, match="expected"):
            settings_of(FalseAlarms(), wrong)


def test_only_a_tighter_value_may_take_the_place_of_the_approved_one():
    assert tightened(FalseAlarms(), {"most": 0.2}, "most", 0.1) == 0.1
    with pytest.raises(SettingError, match="at most 0.2, as approved; got 0.3"):
        tightened(FalseAlarms(), {"most": 0.2}, "most", 0.3)


@pytest.fixture
def installed(monkeypatch):
    """The example as another distribution would install it."""

    def points(*, group):
        assert group == registry.GROUP
        return (EntryPoint("false_alarms", f"{__name__}:FalseAlarms", group), EntryPoint("bias_score", "x:Y", group))

    monkeypatch.setattr(registry, "entry_points", points)
    monkeypatch.setattr(registry, "import_module", lambda name: __import__("sys").modules[name])
    registry._added.cache_clear()
    registry.check_of.cache_clear()
    yield
    registry._added.cache_clear()
    registry.check_of.cache_clear()


def test_others_can_add_a_check_but_not_replace_one_of_ours(installed):
    assert isinstance(check_of("false_alarms"), FalseAlarms) and known()[-1] == "false_alarms"
    assert known().count("bias_score") == 1
    with pytest.raises(UnknownCheck, match="Install it here first"):
        check_of("unheard_of")


@pytest.mark.parametrize("name", known())
def test_every_check_says_what_it_is(name):
    check = check_of(name)
    assert check.id == name and len(name) <= 40 and name.isidentifier()
    assert 3 < len(check.title) <= 120 and check.question.endswith("?")
    assert check.tasks and isinstance(check.principle, Principle)
    settings = settings_of(check)
    assert check.shards(settings) >= 1
    assert check.limit is None or check.limit.parameter in {*settings, "budget"}
    assert all(
        p.meaning and (p.choices or isinstance(p.default, bool | str) or p.low is not None) for p in check.parameters
    )
    if check.measured_by:
        assert check_of(check.measured_by).at_sites and not check_of(check.measured_by).measured_by


def test_nan_infinity_and_minus_zero_do_not_reach_the_database():
    odd = {"a": np.float32("nan"), "b": [math.inf, -0.0], "c": np.arange(2), "d": Verdict.PASS, 5: (1, 2)}
    assert plain(odd) == {"a": None, "b": [None, 0.0], "c": [0, 1], "d": "pass", "5": [1, 2]}
    assert math.copysign(1, plain(-0.0)) == 1


@pytest.mark.parametrize(
    ("compared", "said"),
    [
        ("twin", "Against its classical twin. The twin loses."),
        ("no_entanglement", "Against its ablation without entanglement. The ablation without entanglement loses."),
        ("logistic", "Against its logistic regression. The logistic regression loses."),
    ],
)
def test_what_was_trained_in_the_twins_place_is_named_in_all_that_is_read(compared, said):
    class Beside(FalseAlarms):
        def conclude(self, gathered):
            table = Table("Classical twin", ("Group", "Twin"), (("women", 0.5),), "twins are two")
            figure = Figure("bars", "Both", [("classical twin", 0.5)])
            return Result(
                Verdict.NOT_ASSESSABLE, ("Against its classical twin. The twin loses.",), tables=(table,),
                figures=(figure,), evidence={"twin": "kept"},
            )  # fmt: skip

    specs = chosen_specs("classification", 4, None, ModelChoice(compared))
    models = dict(zip(("primary", "baseline"), specs, strict=True))
    gathered = Gathered("classification", {"most": 0.2}, 1, {"north": ((10, 1),)}, {}, {}, {"models": models})
    found = conclude(Beside(), gathered)
    assert found.sentences == (said,) and found.evidence == {"twin": "kept"}
    name = said.removeprefix("Against its ").partition(".")[0]
    assert found.tables[0].title == name.capitalize() and found.tables[0].note == "twins are two"
    assert found.tables[0].columns == ("Group", "Twin" if compared == "twin" else name.capitalize())
    assert found.figures[0].rows[0] == (name, 0.5)
    unknown = conclude(Beside(), Gathered("classification", {"most": 0.2}, 1, {"n": ((1, 1),)}))
    assert unknown.sentences[0].count("twin") == 2
