"""Budgets of privacy: who sets them, what runs take from them, and what happens when there is not enough."""

from __future__ import annotations

import json

import pytest
from django.test import Client
from django.urls import reverse

from core.context import governed
from core.errors import ApplicationError, Conflict, Forbidden
from federation import budget_standings, budgets, services, site_statements, training
from federation.domain.privacy.accountant import Spend, composed_epsilon
from federation.models import Consent, Federation, Participant, PrivacyBudget, PrivacyCharge, SiteUpdate, TrainingRun
from federation.presentation import budgets as shown
from tests.factories.federation import make_federation, make_run
from tests.factories.people import make_people

pytestmark = pytest.mark.django_db
State = TrainingRun.State
# Half of 10,000 patients are trained on, 32 a step, 3 passes, 2 models: so much is one round at noise 3.
ROUND = [Spend(3.0, 32 / 5000, 2 * 3 * 157)]
STEPS = {"steps": 471, "sample_rate": 32 / 5000, "loss": None, "seconds": 1.0}


def cost(rounds: int, delta: float = 1e-5) -> float:
    return composed_epsilon(ROUND * rounds, delta)


@pytest.fixture
def world():
    return make_federation(make_people())


def propose(world, rounds: int = 2, **changes) -> TrainingRun:
    return services.run_propose(
        federation=world.federation, name="Run", rounds=rounds, seed=1, actor=world.people.administrator, **changes
    )


def allow(world, epsilon: float, who: str = "north", delta: float = 1e-5) -> PrivacyBudget:
    return budgets.budget_set(
        participant=world.participants[who], epsilon=epsilon, delta=delta, reason="as the board decided",
        actor=getattr(world.people, f"officer_{who}"),
    )  # fmt: skip


def standing(world, who: str = "north") -> budget_standings.Standing:
    return budget_standings.standing_of(world.participants[who], "test")


def started(world, run: TrainingRun) -> TrainingRun:
    for who, participant in world.participants.items():
        for role in ("operator", "officer"):
            signer = getattr(world.people, f"{role}_{who}")
            services.consent_decide(run=run, participant=participant, decision="given", reason="", actor=signer)
        said = {"participant": participant.id, "config_hash": run.config_hash, "decision": "approved"}
        site_statements.approval_told(said)()
    return services.run_start(run=run, actor=world.people.administrator)


def open_round(run: TrainingRun, number: int = 1):
    training.open_round(run, number=number, start={})
    return run.rounds.get(number=number)


# --- setting ---------------------------------------------------------------------------------------------------------


def test_the_officer_of_an_institution_sets_its_budget_and_the_newest_counts(world):
    allow(world, 3.0)
    allow(world, 2.0)
    assert standing(world).budget.epsilon == 2.0
    assert standing(world, "south").budget is None


def test_nobody_sets_the_budget_of_another_institution(world):
    with pytest.raises(Forbidden, match="its own patients"):
        budgets.budget_set(
            participant=world.participants["north"], epsilon=1.0, delta=1e-5, reason="x",
            actor=world.people.officer_south,
        )  # fmt: skip


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"epsilon": 0.0}, "over 0 and under 1000, got 0.0"),
        ({"epsilon": float("nan")}, "got nan"),
        ({"delta": 0.5}, "at most 0.01"),
        ({"reason": " "}, "Say why"),
    ],
)
def test_a_budget_that_makes_no_sense_is_refused(world, change, message):
    given = {"epsilon": 1.0, "delta": 1e-5, "reason": "x", **change}
    with pytest.raises(ApplicationError, match=message):
        budgets.budget_set(participant=world.participants["north"], actor=world.people.officer_north, **given)
    assert not PrivacyBudget.objects.exists()


def test_a_site_that_has_not_said_what_it_holds_has_no_account(world):
    lonely = Participant.objects.create(
        federation=Federation.objects.create(name="New", purpose="x", data_title="x", task="classification"),
        institution=world.people.north, site="north", public_key="x",
    )  # fmt: skip
    with pytest.raises(Conflict, match="start its worker"):
        budgets.budget_set(participant=lonely, epsilon=1.0, delta=1e-5, reason="x", actor=world.people.officer_north)
    assert shown.of_federation(lonely.federation) == []


# --- reserving -------------------------------------------------------------------------------------------------------


def test_a_proposal_reserves_what_it_may_spend_at_each_site(world):
    allow(world, 5.0)
    propose(world, rounds=4)
    account = standing(world).account
    assert (account.spent_epsilon, account.reserved_epsilon) == (0.0, pytest.approx(cost(4)))
    assert account.left_epsilon == pytest.approx(5.0 - cost(4))
    assert standing(world, "south").account.reserved_epsilon == pytest.approx(cost(4))


def test_a_run_that_would_exceed_a_budget_is_refused_with_the_arithmetic_and_leaves_nothing(world):
    allow(world, cost(4) * 1.001)
    propose(world, rounds=3)
    with pytest.raises(budgets.BudgetExceeded) as caught:
        propose(world, rounds=3)
    total = composed_epsilon(ROUND * 6, 1e-5)
    assert "Hospital north, data set test" in caught.value.message
    assert f"{cost(3):.3f} is reserved" in caught.value.message and f"would be {total:.3f}" in caught.value.message
    assert "Hospital south" not in caught.value.message  # which has set no budget
    assert TrainingRun.objects.count() == 1
    propose(world, rounds=1)  # exactly what is left


def test_no_budget_covers_a_run_without_differential_privacy(world):
    local = {"epochs": 1, "batch_size": 16, "learning_rate": 0.01, "dp": None}
    propose(world, local=local)  # nobody has set a budget: as before
    allow(world, 100.0)
    with pytest.raises(budgets.BudgetExceeded, match="no budget covers it"):
        propose(world, local=local)


def test_an_account_is_of_the_data_set_whatever_the_federation_and_however_the_data_change(world):
    allow(world, cost(4) * 1.001)
    other = Federation.objects.create(name="Other", purpose="x", data_title="x", task="classification", synthetic=True)
    for who in ("north", "south"):
        original = world.participants[who]
        copy = Participant.objects.create(
            federation=other, institution=original.institution, site=original.site, public_key=original.public_key
        )
        content = {**original.manifests.get().content, "n_patients": 9_998, "sha256": "1" * 64}
        copy.manifests.create(digest="2" * 64, content=content)
    propose(world, rounds=3)
    with pytest.raises(budgets.BudgetExceeded):
        services.run_propose(
            federation=other, name="Again", rounds=3, seed=1, actor=world.people.administrator
        )  # fmt: skip


# --- charging and releasing ------------------------------------------------------------------------------------------


def test_a_round_is_charged_when_it_is_asked_for_and_corrected_to_what_the_site_reports(world):
    run = started(world, propose(world, rounds=4))
    round_ = open_round(run)
    account = standing(world).account
    assert account.spent_epsilon == pytest.approx(cost(1)) and account.bound_epsilon == pytest.approx(cost(4))
    update = SiteUpdate.objects.create(
        round=round_, participant=world.participants["north"], weights={}, n_records=5000,
        metrics={"primary": STEPS, "baseline": {**STEPS, "steps": 71}}, message_digest="0" * 64, signature="x",
    )  # fmt: skip
    budgets.charge_reported(update)
    expected = composed_epsilon([Spend(3.0, 32 / 5000, 471 + 71)], 1e-5)
    assert standing(world).account.spent_epsilon == pytest.approx(expected)
    assert list(PrivacyCharge.objects.order_by("-reported").values_list("reported", flat=True)) == [True, False]


@pytest.mark.parametrize("how", ["abort", "withdraw"])
def test_what_a_run_did_not_spend_is_free_again_when_it_ends(world, how):
    allow(world, 5.0)
    run = started(world, propose(world, rounds=4))
    open_round(run)
    if how == "abort":
        services.run_abort(run=run, reason="enough", actor=world.people.administrator)
    else:
        services.consent_decide(
            run=run, participant=world.participants["south"], decision=Consent.Decision.WITHDRAWN, reason="objection",
            actor=world.people.operator_south,
        )  # fmt: skip
    account = standing(world).account
    assert account.spent_epsilon == pytest.approx(cost(1))  # whoever got the update keeps it
    assert account.reserved_epsilon == 0


def test_a_site_that_leaves_a_run_gets_its_reservation_back_alone(world):
    run = propose(world, rounds=4)
    with governed(action="test"):
        budgets.release(run, world.participants["north"])
    assert standing(world).account.reserved_epsilon == 0
    assert standing(world, "south").account.reserved_epsilon == pytest.approx(cost(4))


def test_a_budget_lowered_after_the_proposal_stops_the_start(world):
    run = propose(world, rounds=4)
    allow(world, cost(3))
    with pytest.raises(budgets.BudgetExceeded, match="does not cover this run"):
        started(world, run)
    run.refresh_from_db()
    assert run.state == State.APPROVED


def test_a_budget_lowered_during_the_run_stops_it_before_the_next_round(world):
    run = started(world, propose(world, rounds=4))
    round_ = open_round(run)
    allow(world, cost(2))
    training.move_on(run, round_)
    run.refresh_from_db()
    assert run.state == State.FAILED and "does not cover another round" in run.stop_reason
    assert run.rounds.count() == 1 and standing(world).account.reserved_epsilon == 0


def test_runs_of_before_there_were_budgets_count_by_their_updates(world):
    run = make_run(world, rounds=1)
    config = {**run.config["local"], "dp": {"noise_multiplier": 3.0, "max_grad_norm": 0.5, "delta": 1e-4}}
    TrainingRun.objects.filter(id=run.id).update(config={**run.config, "local": config})
    for number in (1, 2):  # two updates that say the same are two
        SiteUpdate.objects.create(
            round=run.rounds.create(number=number, start_weights={}), participant=world.participants["north"],
            weights={}, n_records=5000, metrics={"primary": STEPS, "baseline": STEPS}, message_digest="0" * 64,
            signature="x",
        )  # fmt: skip
    assert standing(world).account.spent_epsilon == pytest.approx(cost(2))


# --- noise from a budget ---------------------------------------------------------------------------------------------


def test_the_noise_of_a_run_can_be_solved_from_its_epsilon(world):
    run = propose(world, rounds=3, privacy={"regime": "per_site", "epsilon": 0.5})
    assert run.config["format"] == 3 and run.config["epsilon_budget"] == 0.5
    dp = run.config["local"]["dp"]
    spent = composed_epsilon([Spend(dp["noise_multiplier"], 32 / 5000, 3 * 2 * 3 * 157)], dp["delta"])
    assert 0.49 < spent <= 0.5
    assert run.config["privacy"]["noise_multiplier"] == dp["noise_multiplier"]


@pytest.mark.parametrize(
    ("privacy", "message"),
    [
        ({"regime": "per_site"}, "expected a epsilon"),
        ({"regime": "per_site", "epsilon": 1.0, "sort": 1}, r"unexpected \['sort'\]"),
        ({"regime": "distributed", "epsilon": 1.0}, "needs secure aggregation"),
        ({"regime": "much"}, "expected a privacy regime"),
    ],
)
def test_a_regime_that_cannot_be_is_refused_in_words(world, privacy, message):
    with pytest.raises(ApplicationError, match=message):
        propose(world, privacy=privacy)


# --- pages and API ---------------------------------------------------------------------------------------------------


def signed_in(world, who: str) -> Client:
    client = Client()
    client.force_login(getattr(world.people, who), backend="django.contrib.auth.backends.ModelBackend")
    return client


def test_the_pages_show_what_is_spent_reserved_and_left(world):
    allow(world, 5.0)
    run = propose(world, rounds=4)
    text = signed_in(world, "auditor").get(reverse("federation", args=[world.federation.id])).content.decode()
    for figure in ("Privacy budgets", f"{cost(4):.3f}", f"{5 - cost(4):.3f}", "none set", "no limit"):
        assert figure in text, figure
    assert "Set your institution" not in text
    own = signed_in(world, "auditor").get(reverse("run", args=[run.id])).content.decode()
    assert "Privacy budget of this run" in own and f"{cost(4):.3f}" in own


def test_pages_say_so_where_there_is_nothing_yet(world):
    Participant.objects.update(is_active=True)
    run = make_run(world)
    assert "No reservation" in signed_in(world, "auditor").get(reverse("run", args=[run.id])).content.decode()
    empty = Federation.objects.create(name="Empty", purpose="x", data_title="x", task="classification")
    page = signed_in(world, "administrator").get(reverse("federation", args=[empty.id])).content.decode()
    assert "No budget yet" in page


def test_the_officer_sets_the_budget_on_the_page_and_a_mistake_keeps_what_was_typed(world):
    client, url = signed_in(world, "officer_north"), reverse("budget_set", args=[world.federation.id])
    wrong = client.post(url, {"epsilon": "-1", "delta": "0.00001", "reason": "board of June"})
    assert wrong.status_code == 400 and "board of June" in wrong.content.decode()
    assert client.post(url, {"epsilon": "2", "delta": "0.00001", "reason": "board"}).status_code == 302
    budget = PrivacyBudget.objects.get()
    assert (budget.epsilon, budget.institution) == (2.0, world.people.north)
    assert signed_in(world, "outsider").post(url, {"epsilon": "2"}).status_code == 404


def test_a_proposal_that_no_budget_covers_comes_back_as_a_form_with_the_arithmetic(world):
    allow(world, 0.01)
    body = {"name": "Kept name", "rounds": 5, "seed": 3, "privacy": "recommended", "epsilon_budget": 4}
    url = reverse("run_propose", args=[world.federation.id])
    answer = signed_in(world, "administrator").post(url, body)
    text = answer.content.decode()
    assert answer.status_code == 409 and "Kept name" in text and "leaves 0.010" in text
    assert not TrainingRun.objects.exists()
    body = {**body, "privacy": "solved", "epsilon_budget": "1"}
    allow(world, 5.0)
    signed_in(world, "administrator").post(url, body)
    assert TrainingRun.objects.get().config["privacy"]["epsilon"] == 1.0


def test_the_api_lists_sets_and_refuses(world):
    def call(who, method, path, body=None):
        more = {"data": json.dumps(body), "content_type": "application/json"} if body else {}
        return getattr(signed_in(world, who), method)(f"/api/v1/federations/{world.federation.id}{path}", **more)

    given = {"epsilon": 0.02, "delta": 1e-5, "reason": "board"}
    assert call("officer_north", "post", "/budgets", given).json()["left"] == 0.02
    assert call("officer_north", "post", "/budgets", {**given, "epsilon": 0}).status_code == 400
    listed = call("auditor", "get", "/budgets").json()["results"]
    assert [(row["site"], row["epsilon"], row["spent"]) for row in listed] == [("north", 0.02, 0), ("south", None, 0)]
    refused = call("administrator", "post", "/runs", {"name": "R", "rounds": 5, "seed": 1})
    assert refused.status_code == 409 and refused.json()["code"] == "privacy_budget"
    assert "Hospital north" in refused.json()["refusals"][0]
    solved = call("administrator", "post", "/runs", {
        "name": "R", "rounds": 2, "seed": 1, "privacy": {"regime": "per_site", "epsilon": 0.01},
    })  # fmt: skip
    assert solved.status_code == 201, solved.content


def test_the_page_asks_no_more_questions_for_more_sites(world, django_assert_max_num_queries):
    from tests.factories.people import make_institution

    for number in range(8):
        site = Participant.objects.create(
            federation=world.federation, institution=make_institution(f"more-{number}"), site=f"more-{number}",
            public_key="x",
        )  # fmt: skip
        site.manifests.create(digest=f"{number:064}", content=world.participants["north"].manifests.get().content)
    with django_assert_max_num_queries(8):
        assert len(shown.of_federation(world.federation)) == 10
