"""Institutions and one person for each role."""

from __future__ import annotations

from dataclasses import dataclass

from accounts.models import Institution, Membership, User
from core.roles import Role

PASSWORD = "correct horse battery staple"


def make_institution(slug: str) -> Institution:
    return Institution.objects.get_or_create(slug=slug, defaults={"name": f"Hospital {slug}"})[0]


def make_user(email: str, role: Role, institution: Institution | None = None) -> User:
    user = User.objects.create_user(email, PASSWORD, name=email.split("@")[0].replace(".", " ").title())
    Membership.objects.create(user=user, institution=institution, role=role)
    return user


@dataclass
class People:
    north: Institution
    south: Institution
    administrator: User  # of the platform
    administrator2: User
    auditor: User  # of the platform
    officer_north: User
    officer_south: User
    operator_north: User
    operator_south: User
    clinician: User  # at north
    external: User  # an outside board's auditor, invited to nothing yet
    outsider: User  # an ethics officer of an institution that takes part in nothing


def make_reviewers(people: People) -> tuple[User, User]:
    """A second ethics officer at each of two hospitals: nobody of them has approved or deployed anything."""
    return (
        make_user("reviewer.north@test.example", Role.ETHICS_OFFICER, people.north),
        make_user("reviewer.south@test.example", Role.ETHICS_OFFICER, people.south),
    )


def make_people() -> People:
    north, south, other = (make_institution(slug) for slug in ("north", "south", "other"))
    return People(
        north=north,
        south=south,
        administrator=make_user("admin@test.example", Role.ADMINISTRATOR),
        administrator2=make_user("admin2@test.example", Role.ADMINISTRATOR),
        auditor=make_user("auditor@test.example", Role.AUDITOR),
        officer_north=make_user("officer.north@test.example", Role.ETHICS_OFFICER, north),
        officer_south=make_user("officer.south@test.example", Role.ETHICS_OFFICER, south),
        operator_north=make_user("operator.north@test.example", Role.SITE_OPERATOR, north),
        operator_south=make_user("operator.south@test.example", Role.SITE_OPERATOR, south),
        clinician=make_user("clinician@test.example", Role.CLINICIAN, north),
        external=make_user("board@test.example", Role.EXTERNAL_AUDITOR, make_institution("board")),
        outsider=make_user("outsider@test.example", Role.ETHICS_OFFICER, other),
    )
