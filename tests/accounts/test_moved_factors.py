"""Factors from before allauth, carried over by the migration: run over tables as they were, on the database."""

from __future__ import annotations

import uuid
from importlib import import_module

import pytest
from django.db import connection
from django.db.migrations.loader import MigrationLoader
from django.urls import reverse
from django.utils import timezone

from accounts import factors
from accounts.models import Factor
from core.models import Outbox
from tests.factories.factors import code_at, password_given, recovery_codes_of, signed_in
from tests.factories.people import make_people

pytestmark = pytest.mark.django_db
SECRET = "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP"
TABLES = """
CREATE TEMPORARY TABLE accounts_secondfactor (
    id uuid PRIMARY KEY, created_at timestamptz, user_id uuid, secret text, confirmed_at timestamptz,
    removed_at timestamptz, last_step bigint, failures integer, refused_until timestamptz) ON COMMIT DROP;
CREATE TEMPORARY TABLE accounts_recoverycode (
    id uuid PRIMARY KEY, created_at timestamptz, factor_id uuid, digest text, used_at timestamptz) ON COMMIT DROP;
"""


def test_an_app_goes_on_and_new_recovery_codes_wait_for_its_owner(client_of):
    people, loader = make_people(), MigrationLoader(None)
    apps = loader.project_state(
        [("accounts", "0004_identity"), ("mfa", "0003_authenticator_type_uniq")]
    ).apps  # fmt: skip
    with connection.cursor() as cursor:
        cursor.execute(TABLES)
    before, code = apps.get_model("accounts", "SecondFactor"), apps.get_model("accounts", "RecoveryCode")
    now = timezone.now()
    for user, fields in (
        (people.auditor, {"secret": SECRET, "confirmed_at": now}),
        (people.clinician, {"secret": SECRET}),  # begun, never confirmed
        (people.officer_north, {"secret": "", "confirmed_at": now, "removed_at": now}),
    ):
        made = before.objects.create(user_id=user.pk, **fields)
        code.objects.create(factor=made, digest=uuid.uuid4().hex)
    import_module("accounts.migrations.0005_allauth").move(apps, None)
    assert before.objects.count() == code.objects.count() == 0
    assert set(Factor.objects.values_list("user", "type")) == {
        (people.auditor.pk, "totp"), (people.auditor.pk, "recovery_codes"),
    }  # fmt: skip
    assert factors.held_by(people.auditor).get().created_at == now and len(recovery_codes_of(people.auditor)) == 10
    assert Outbox.objects.filter(table="mfa_authenticator").first().said.action == "factor.move"
    client, _ = password_given(people.auditor)
    client.post(reverse("mfa_authenticate"), {"code": code_at(SECRET)})
    assert signed_in(client)
    assert "Recovery codes wait for you" in client.get(reverse("home")).content.decode()
