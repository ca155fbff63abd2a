"""Federation pages: who may, who may not, for whom they do not exist, and what they say."""

from __future__ import annotations

import uuid

import pytest
from django.test import Client
from django.urls import reverse

from core.fields import Clear
from core.models import Job
from federation.models import Consent, Participant, TrainingRun
from tests.factories import rounds as made
from tests.factories.federation import make_federation, make_finished_run, make_run
from tests.factories.people import make_people

pytestmark = pytest.mark.django_db
State = TrainingRun.State
STAFF = ("administrator", "auditor", "officer_north", "officer_south", "operator_north", "operator_south")


@pytest.fixture
def world():
    return make_federation(make_people())


@pytest.fixture
def run(world):
    return make_run(world, rounds=3)


def signed_in(world, who: str) -> Client:
    client = Client()
    client.force_login(getattr(world.people, who), backend="django.contrib.auth.backends.ModelBackend")
    return client


def page(world, who: str, name: str, *args) -> str:
    response = signed_in(world, who).get(reverse(name, args=args))
    assert response.status_code == 200, response.status_code
    return response.content.decode()


def read_pages(world, run) -> list[str]:
    return [
        reverse("federations"),
        reverse("federation", args=[world.federation.id]),
        reverse("run", args=[run.id]),
        reverse("run_live", args=[run.id]),
        reverse("run_terms", args=[run.id]),
    ]


@pytest.mark.parametrize("who", STAFF)
def test_staff_of_the_federation_reads_every_page(world, run, who):
    client = signed_in(world, who)
    assert [client.get(url).status_code for url in read_pages(world, run)] == [200] * 5


def test_clinicians_do_not_read_them(world, run):
    client = signed_in(world, "clinician")
    assert [client.get(url).status_code for url in read_pages(world, run)] == [403] * 5


def test_for_other_institutions_they_do_not_exist(world, run):
    client = signed_in(world, "outsider")
    assert [client.get(url).status_code for url in read_pages(world, run)] == [200, 404, 404, 404, 404]
    assert world.federation.name not in client.get(reverse("federations")).content.decode()


def test_nobody_signed_in_is_sent_to_the_sign_in_page(world, run):
    for url in read_pages(world, run):
        response = Client().get(url)
        assert response.status_code == 302 and response["Location"].startswith(reverse("login"))


def test_a_run_that_does_not_exist_is_404(world):
    assert signed_in(world, "administrator").get(reverse("run", args=[uuid.uuid4()])).status_code == 404


# (url name, body, roles that may)
CONTROLS = [
    ("run_start", {}, {"administrator"}),
    ("run_pause", {}, {"administrator"}),
    ("run_resume", {}, {"administrator"}),
    ("run_abort", {"reason": "Enough"}, {"administrator"}),
    (
        "run_consent",
        {"decision": "given"},
        {"operator_north", "operator_south", "officer_north", "officer_south", "outsider"},
    ),
]


@pytest.mark.parametrize(("name", "body", "allowed"), CONTROLS)
def test_only_the_right_roles_change_a_run(world, run, name, body, allowed):
    for who in (*STAFF, "clinician", "outsider"):
        status = signed_in(world, who).post(reverse(name, args=[run.id]), body).status_code
        assert (status == 403) == (who not in allowed), (who, status)


@pytest.mark.parametrize(("name", "body", "allowed"), CONTROLS)
def test_a_change_is_never_made_by_get(world, run, name, body, allowed):
    assert signed_in(world, sorted(allowed)[0]).get(reverse(name, args=[run.id])).status_code == 405


def test_an_operator_of_another_institution_cannot_answer(world, run):
    from core.roles import Role
    from tests.factories.people import make_institution, make_user

    make_user("operator.other@test.example", Role.SITE_OPERATOR, make_institution("other"))
    client = Client()
    from accounts.models import User

    client.force_login(
        User.objects.get(email="operator.other@test.example"), backend="django.contrib.auth.backends.ModelBackend"
    )
    assert client.post(reverse("run_consent", args=[run.id]), {"decision": "given"}).status_code == 404
    assert not Consent.objects.exists()


# --- what the pages say --------------------------------------------------------------------------------------------


def test_the_federation_page_shows_what_each_site_holds(world, run):
    manifest = world.participants["north"].manifests.get()
    manifest.content["report"].update(imputed={"chol": 7}, refused={"no age": 3})
    manifest.save(update_fields=["content"])
    text = page(world, "auditor", "federation", world.federation.id)
    assert "female" in text and "chol" in text and "no age" in text and manifest.digest in text
    assert "never yet" in text  # no sign of life of the workers


def test_a_site_without_a_manifest_is_said_to_be_missing(world):
    Participant.objects.get(site="south").manifests.all().delete()
    assert "No data manifest yet" in page(world, "auditor", "federation", world.federation.id)


def test_an_empty_federation_says_what_belongs_there(world):
    assert "No run yet" in page(world, "auditor", "federation", world.federation.id)


def test_only_administrators_see_the_form_for_a_new_run(world):
    assert "Propose the run" in page(world, "administrator", "federation", world.federation.id)
    assert "Propose the run" not in page(world, "auditor", "federation", world.federation.id)


def test_runs_are_shown_by_pages(world):
    for _ in range(21):
        make_run(world)
    assert "21" in page(world, "auditor", "federation", world.federation.id)
    response = signed_in(world, "auditor").get(reverse("federation", args=[world.federation.id]), {"page": 2})
    assert response.content.decode().count('data-label="Rounds"') == 1


def test_the_run_page_says_what_is_consented_to(world, run):
    text = page(world, "operator_north", "run", run.id)
    assert run.config_hash in text
    assert "4 qubits" in text and "61 parameters" in text and "No differential privacy" in text
    assert all(digest in text for digest in run.config["data_digests"].values())


def test_the_live_part_is_a_fragment_and_not_a_page(world, run):
    text = page(world, "auditor", "run_live", run.id)
    assert "<html" not in text and "Waiting for consent" in text


def test_charts_that_the_page_has_are_not_drawn_again(world, run):
    TrainingRun.objects.filter(id=run.id).update(state=State.RUNNING, started_at=run.created_at)
    made.make_done_rounds(run, 2)
    url = reverse("run_live", args=[run.id])
    client = signed_in(world, "auditor")
    again, fresh = (client.get(url, {"have": have}).content.decode() for have in ("2", "1"))
    assert 'id="charts-2"' in again and 'id="charts-2"' in fresh
    assert "Accuracy by site" in fresh and "Accuracy by site" not in again


def test_an_open_run_is_watched_and_a_closed_one_is_not(world, run):
    assert f"/live/run/{run.id}/?last_event_id=" in page(world, "auditor", "run", run.id)
    assert "sse-connect" not in page(world, "auditor", "run", make_finished_run(world).id)


def test_a_running_run_shows_steps_silence_and_the_estimate(world, run):
    TrainingRun.objects.filter(id=run.id).update(state=State.RUNNING, started_at=run.created_at)
    made.make_done_rounds(run, 1, seconds=120)
    round_ = made.make_round_in_hand(run, 2)
    for participant in world.participants.values():
        made.make_order(round_, participant)
    made.make_step(round_, world.participants["north"], step=7, steps=12, loss=0.4321)
    text = page(world, "administrator", "run_live", run.id)
    assert "1 of 3 rounds done" in text and "7 of 12" in text and "0.4321" in text
    assert "from the mean of 2 min over 1 finished round" in text
    assert text.count("Silent") == 1
    assert "Quantum" in text and "<svg" in text


def test_the_loss_of_each_step_is_drawn_while_the_sites_train(world, run):
    TrainingRun.objects.filter(id=run.id).update(state=State.RUNNING, started_at=run.created_at)
    round_ = made.make_round_in_hand(run, 1)
    made.make_step(round_, world.participants["north"], step=1, steps=9, loss=0.7)
    made.make_step(round_, world.participants["north"], step=5, steps=9, loss=0.25)
    text = page(world, "auditor", "run_live", run.id)
    assert "Loss in round 1, quantum model" in text
    assert "0.25" in text
    assert "Loss in round 1, classical twin" not in text  # nobody has trained it yet


def test_the_circuit_is_drawn_and_its_gates_are_listed(world, run):
    text = page(world, "auditor", "run", run.id)
    assert 'class="circuit"' in text
    assert "The table lists every gate" in text
    assert '<td class="num">CNOT</td>' in text


def test_a_failed_run_shows_why_and_what_to_do(world, run):
    TrainingRun.objects.filter(id=run.id).update(
        state=State.FAILED, stop_reason=Clear("privacy budget of 2 exceeded: north 2.10"), started_at=run.created_at
    )
    text = page(world, "auditor", "run", run.id)
    assert "privacy budget of 2 exceeded" in text and "larger budget" in text


def test_text_from_people_is_escaped(world, run):
    TrainingRun.objects.filter(id=run.id).update(name="<script>alert(1)</script>")
    assert "<script>alert" not in page(world, "auditor", "run", run.id)


def test_the_queries_of_the_live_part_do_not_grow_with_the_rounds(world, run, django_assert_max_num_queries):
    TrainingRun.objects.filter(id=run.id).update(state=State.RUNNING, started_at=run.created_at)
    made.make_done_rounds(run, 12)
    client = signed_in(world, "auditor")
    with django_assert_max_num_queries(21):
        client.get(reverse("run_live", args=[run.id]))


# --- what people can do --------------------------------------------------------------------------------------------


def propose(world, **changes):
    body = {"name": "First", "rounds": 2, "seed": 3, "privacy": "recommended", "epsilon_budget": 4, **changes}
    return signed_in(world, "administrator").post(reverse("run_propose", args=[world.federation.id]), body)


def test_a_proposed_run_is_frozen_with_the_privacy_that_was_chosen(world):
    response = propose(world)
    run = TrainingRun.objects.get()
    assert response["Location"] == reverse("run", args=[run.id])
    assert run.config["epsilon_budget"] == 4.0 and run.config["local"]["dp"]["noise_multiplier"] > 0


def test_a_run_may_be_proposed_without_privacy_and_then_has_no_budget(world):
    propose(world, privacy="none", epsilon_budget="")
    run = TrainingRun.objects.get()
    assert run.config["epsilon_budget"] is None and run.config["local"]["dp"] is None


@pytest.mark.parametrize("change", [{"rounds": 0}, {"rounds": 201}, {"name": ""}, {"epsilon_budget": ""}, {"seed": -1}])
def test_a_bad_proposal_shows_the_form_again_with_the_error(world, change):
    response = propose(world, **change)
    assert response.status_code == 400 and "This form was not accepted" in response.content.decode()
    assert not TrainingRun.objects.exists()


def test_segmentation_offers_no_privacy_choice_and_says_so():
    world = make_federation(make_people(), task="segmentation")
    text = page(world, "administrator", "federation", world.federation.id)
    assert 'name="privacy"' not in text and "loss of privacy is not bounded" in text


def test_labelled_images_are_proposed_with_the_chest_classifier_and_its_twin():
    world = make_federation(make_people(), shape=[1, 32, 32])
    text = page(world, "administrator", "federation", world.federation.id)
    assert 'name="privacy"' not in text and "loss of privacy is not bounded" in text
    propose(world)
    config = TrainingRun.objects.get().config
    assert [config["models"][name]["kind"] for name in ("primary", "baseline")] == ["chest_vqc", "chest_cnn"]
    assert config["local"]["dp"] is None and config["local"]["learning_rate"] == 0.005


def test_consents_of_all_sites_approve_the_run_and_an_administrator_starts_it(world, run):
    for who in ("operator_north", "operator_south"):
        text = page(world, who, "run", run.id)
        assert "Read the terms and sign" in text and "Give consent" in page(world, who, "run_terms", run.id)
        signed_in(world, who).post(reverse("run_consent", args=[run.id]), {"decision": "given"})
    run.refresh_from_db()
    assert run.state == State.APPROVED
    assert "Start training" in page(world, "administrator", "run", run.id)
    assert "Start training" not in page(world, "auditor", "run", run.id)
    signed_in(world, "administrator").post(reverse("run_start", args=[run.id]))
    run.refresh_from_db()
    assert run.state == State.RUNNING and Job.objects.filter(kind="run.begin").count() == 1


@pytest.mark.parametrize("decision", ["refused", "withdrawn"])
def test_a_refusal_or_withdrawal_needs_a_reason(world, run, decision):
    here = reverse("run", args=[run.id])
    client = signed_in(world, "operator_north")
    client.post(reverse("run_consent", args=[run.id]), {"decision": decision, "reason": " ", "next": here})
    assert "Say why" in client.get(here).content.decode()
    assert not Consent.objects.exists()


def test_a_withdrawal_that_leaves_one_site_stops_the_run_and_its_reason_is_shown(world, run):
    client = signed_in(world, "operator_north")
    client.post(reverse("run_consent", args=[run.id]), {"decision": "given"})
    TrainingRun.objects.filter(id=run.id).update(state=State.RUNNING, started_at=run.created_at)
    assert "Withdraw consent" in client.get(reverse("run", args=[run.id])).content.decode()
    client.post(reverse("run_consent", args=[run.id]), {"decision": "withdrawn", "reason": "Board says no"})
    run.refresh_from_db()
    assert run.state == State.ABORTED
    assert "Board says no" in client.get(reverse("run", args=[run.id])).content.decode()


def test_an_operator_is_not_offered_the_answer_of_another_site(world, run):
    text = page(world, "operator_south", "run", run.id)
    assert "For Hospital south, you may" in text and "For Hospital north" not in text
    assert "You sign for Hospital south as" in page(world, "operator_south", "run_terms", run.id)


def test_pause_resume_and_abort(world, run):
    TrainingRun.objects.filter(id=run.id).update(state=State.RUNNING)
    client = signed_in(world, "administrator")
    for name, body, state in (
        ("run_pause", {}, State.PAUSED),
        ("run_resume", {}, State.RUNNING),
        ("run_abort", {"reason": "Wrong data"}, State.ABORTED),
    ):
        assert client.post(reverse(name, args=[run.id]), body).status_code == 302
        run.refresh_from_db()
        assert run.state == state
    assert run.stop_reason == "Wrong data"


def test_what_the_state_forbids_is_said_where_the_person_stands(world, run):
    here = reverse("run", args=[run.id])
    client = signed_in(world, "administrator")
    response = client.post(reverse("run_start", args=[run.id]), {"next": here})
    assert response["Location"] == here
    assert "still waiting for north, south" in client.get(here).content.decode()


def test_an_abort_without_a_reason_changes_nothing(world, run):
    here = reverse("run", args=[run.id])
    client = signed_in(world, "administrator")
    client.post(reverse("run_abort", args=[run.id]), {"reason": "  ", "next": here})
    run.refresh_from_db()
    assert run.state == State.PROPOSED and "Give a reason" in client.get(here).content.decode()
