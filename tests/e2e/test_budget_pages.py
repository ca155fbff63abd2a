"""Privacy budgets in a browser: for everybody, in both themes, on a phone too."""

from __future__ import annotations

import pytest
from django.urls import reverse

from federation import budgets, services
from tests.e2e.test_ledger_pages import WIDTHS, browser, look, sign_in  # noqa: F401 - two of them are fixtures
from tests.factories.federation import make_federation
from tests.factories.people import PASSWORD, make_people


@pytest.mark.e2e
@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(("scheme", "size"), [("light", "phone"), ("dark", "desk")])
def test_budgets_are_for_everybody(sign_in, live_server, scheme, size):  # noqa: F811 - a fixture
    world = make_federation(make_people())
    people = world.people
    run = services.run_propose(
        federation=world.federation, name="Run", rounds=4, seed=1, actor=people.administrator,
        privacy={"regime": "per_site", "epsilon": 1.0},
    )  # fmt: skip
    for who, epsilon in (("north", 5.0), ("south", 0.5)):
        budgets.budget_set(
            participant=world.participants[who], epsilon=epsilon, delta=1e-5, reason="board",
            actor=getattr(people, f"officer_{who}"),
        )  # fmt: skip
    faults: list[str] = []
    page = sign_in(scheme, WIDTHS[size])
    page.context.clear_cookies()
    page.goto(live_server.url + reverse("login"))
    page.get_by_label("Email").fill("officer.north@test.example")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    page.get_by_role("heading", level=1, name="What needs you now").wait_for()
    pages = {
        "budgets": reverse("federation", args=[world.federation.id]),
        "run-budget": reverse("run", args=[run.id]),
    }
    look(page, live_server.url, pages, faults, scheme, size)
    page.goto(live_server.url + pages["budgets"])
    page.get_by_label("Budget ε").fill("3")
    page.get_by_label("Reason").fill("the board of June")
    page.get_by_role("button", name="Set the budget").click()
    page.get_by_text("is ε 3 from now").wait_for()
    assert faults == [], "\n".join(faults)
