from __future__ import annotations

import re
import threading

import pytest
from django.db import connections, transaction
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from accounts import invitations
from accounts.models import Invitation, Membership, User
from core.errors import Conflict, Forbidden
from core.models import Outbox
from core.roles import Role
from tests.factories.factors import signed_in
from tests.factories.people import PASSWORD, make_people, make_user

pytestmark = pytest.mark.django_db
NEW = "another staple battery"


@pytest.fixture
def people():
    return make_people()


def given(people, **changes):
    return {
        "email": "nadia@north.example",
        "name": "Nadia",
        "institution": people.north.pk,
        "role": "clinician",
    } | changes


def test_the_owner_of_the_address_sets_a_password_and_has_the_role_only_then(people, client_of):
    client = client_of(people.administrator)
    page = client.post(reverse("people_invite"), given(people)).content.decode()
    path = re.search(r"http://testserver(/activate/[^<]+)<", page).group(1)
    user = User.objects.get(email="nadia@north.example")
    assert not user.roles and not user.has_usable_password()
    owner = Client()
    there = owner.get(path, follow=True).redirect_chain[-1][0]
    owner.post(there, {"new_password1": NEW, "new_password2": NEW})
    owner.post(reverse("login"), {"username": "NADIA@north.example", "password": NEW})
    assert signed_in(owner) and User.objects.get(pk=user.pk).roles_at(people.north.pk) == {Role.CLINICIAN}
    assert "Accepted" in client.get(reverse("people_invite")).content.decode()


def test_who_is_here_already_accepts_a_further_role_on_their_own_page(people, client_of):
    admin = client_of(people.administrator)
    admin.post(reverse("people_invite"), given(people, email=people.clinician.email, role="site_operator"))
    invitation = Invitation.objects.get()
    client = client_of(people.clinician)
    assert "You are invited: Site operator" in client.get(reverse("home")).content.decode()
    stranger = client_of(people.operator_south)
    assert stranger.post(reverse("invitation_accept", args=[invitation.pk])).status_code == 404
    assert client.post(reverse("invitation_accept", args=[invitation.pk])).status_code == 302
    assert User.objects.get(pk=people.clinician.pk).roles == {Role.CLINICIAN, Role.SITE_OPERATOR}
    assert client.post(reverse("invitation_accept", args=[invitation.pk])).status_code == 404


def test_an_administrator_of_one_house_invites_to_it_alone(people, client_of):
    local = make_user("admin.north@test.example", Role.ADMINISTRATOR, people.north)
    client = client_of(local)
    for changes in (
        {"institution": people.south.pk},
        {"institution": ""},
        {"role": "external_auditor"},
        {"email": "x"},
    ):
        assert client.post(reverse("people_invite"), given(people, **changes)).status_code == 400, changes
    assert not Invitation.objects.exists() and not User.objects.filter(email="nadia@north.example").exists()
    assert client.post(reverse("people_invite"), given(people)).status_code == 200
    with pytest.raises(Forbidden):
        invitations.invitation_send(
            actor=people.officer_north, email="a@b.example", name="A", institution=people.north, role="clinician"
        )
    platform = client_of(people.administrator)
    assert platform.post(reverse("people_invite"), given(people, institution="", role="clinician")).status_code == 400
    assert platform.post(reverse("people_invite"), given(people, institution="", role="auditor")).status_code == 200
    mine = client.get(reverse("people_invite")).content.decode()
    assert "at the platform" not in mine


def test_an_invitation_stands_once_is_withdrawn_and_can_be_sent_anew(people, client_of):
    send = {"actor": people.administrator, "email": "n@n.example", "name": "N", "institution": people.north}
    first = invitations.invitation_send(**send, role="clinician")
    with pytest.raises(Conflict):
        invitations.invitation_send(**send, role="clinician")
    south = client_of(make_user("admin.south@test.example", Role.ADMINISTRATOR, people.south))
    assert south.post(reverse("invitation_withdraw", args=[first.pk])).status_code == 404
    client_of(people.administrator).post(reverse("invitation_withdraw", args=[first.pk]))
    assert invitations.invitations_accept(first.user) == 0
    second = invitations.invitation_send(**send, role="clinician")
    Invitation.objects.filter(pk=second.pk).update(expires_at=timezone.now())
    assert invitations.invitations_accept(first.user) == 0
    invitations.invitation_send(**send, role="clinician")
    assert invitations.invitations_accept(first.user) == 1
    with pytest.raises(Conflict):
        invitations.invitation_send(**send, role="clinician")


@pytest.mark.django_db(transaction=True)
def test_two_invitations_of_one_address_at_one_moment_find_one_account():
    """The second one waits for the first one's row, and then finds it in the place of its own."""
    begun, made = threading.Event(), []

    def second() -> None:
        begun.set()
        with transaction.atomic():
            made.append(invitations.person_invite(email="twin@test.example", name="Twin"))
        connections.close_all()

    with transaction.atomic():
        first = invitations.person_invite(email="Twin@test.example", name="Twin")
        other = threading.Thread(target=second)
        other.start()
        begun.wait()
        other.join(0.3)  # it has looked, found nobody, and waits at the unique index
    other.join()
    assert made[0].pk == first.pk and User.objects.count() == 1


def test_a_machine_gets_no_key_to_lists_of_patients_and_one_of_earlier_opens_none(people):
    from accounts import keys
    from accounts.api.authentication import Machine
    from accounts.models import ApiKey
    from core.errors import ApplicationError

    assert "lookback.view" not in keys.MACHINE_ACTIONS
    with pytest.raises(ApplicationError):
        keys.key_issue(
            actor=people.administrator, name="x", institution=people.north, actions=["lookback.view"], days=1
        )
    old, _ = ApiKey.issue(
        name="old", institution=people.north, issued_by=people.administrator, actions=["lookback.view", "model.view"],
        expires_at=timezone.now(),
    )  # fmt: skip
    assert Machine(old).may("model.view") and not Machine(old).may("lookback.view")


def test_an_invited_person_without_a_password_cannot_sign_in_by_any(people):
    invitations.invitation_send(
        actor=people.administrator, email="n@n.example", name="N", institution=people.north, role="clinician"
    )
    client = Client()
    client.post(reverse("login"), {"username": "n@n.example", "password": PASSWORD})
    assert not signed_in(client)


def test_a_role_is_ended_at_once_by_whoever_may_give_it_and_can_be_given_again(people, client_of):
    officer, south = people.officer_north, people.operator_south
    Membership.objects.create(user=south, institution=people.south, role=Role.ADMINISTRATOR)
    held, other = officer.memberships.get(), people.officer_south.memberships.get()
    assert officer.may("consent.sign")

    def end(actor, row):
        return client_of(actor).post(reverse("membership_end", args=[row.pk]))

    own = people.administrator.memberships.get()
    assert end(people.administrator, own).status_code == 403  # another one does it
    assert end(south, held).status_code == 404  # of a house that they do not see
    Membership.objects.create(user=officer, institution=people.south, role=Role.CLINICIAN)
    assert end(south, held).status_code == 403  # seen for the other role, which is theirs to end
    assert end(south, other).status_code == 302 and not other.user.memberships.filter(is_active=True).exists()

    page, where = client_of(people.administrator).get("/people/").content.decode(), "/people/roles/{}/end/"
    assert where.format(held.pk) in page
    assert where.format(own.pk) not in page and where.format(other.pk) not in page
    ended = client_of(people.administrator).post(f"/api/v1/people/roles/{held.pk}/end")
    assert (ended.status_code, ended.json()) == (200, {"id": str(held.pk), "role": held.role, "institution": "north"})
    assert not User.objects.get(pk=officer.pk).may("consent.sign")
    assert end(people.administrator, held).status_code == 409
    entry = Outbox.objects.filter(table="accounts_membership", object_id=str(held.pk)).latest("id")
    assert (entry.operation, entry.said.action, entry.body["is_active"]) == ("UPDATE", "person.end_role", "false")
    listed = client_of(people.administrator).get("/api/v1/people?limit=100").json()["results"]
    assert [row["memberships"] for row in listed if row["id"] == str(other.user_id)] == [[]]

    again = invitations.invitation_send(
        actor=people.administrator, email=str(officer.email), name="", institution=people.north, role=held.role
    )
    invitations.invitations_accept(officer, only=again.pk)
    assert User.objects.get(pk=officer.pk).may("consent.sign")
