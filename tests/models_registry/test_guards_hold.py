"""The guards in the database cannot be talked out of it: pgtrigger's own way to ignore a trigger is closed."""

from __future__ import annotations

import pytest
from django.db import DatabaseError, connection, transaction

from models_registry.models import Version
from tests.factories.federation import make_federation
from tests.factories.people import make_people
from tests.factories.registry import make_version

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize("ignore", ["", "{all}"])
def test_a_version_is_never_rewritten(ignore):
    version = make_version(make_federation(make_people()))
    with connection.cursor() as cursor:
        cursor.execute("SELECT array_agg(tgname) FROM pg_trigger WHERE tgrelid = 'models_registry_version'::regclass")
        names = cursor.fetchone()[0]
        if ignore:
            cursor.execute("SELECT set_config('pgtrigger.ignore', %s, true)", ["{" + ",".join(names) + "}"])
    for attack in (
        lambda: Version.objects.filter(id=version.id).update(weights_digest="0" * 64),
        lambda: Version.objects.filter(id=version.id).delete(),
    ):
        with pytest.raises(DatabaseError, match="Cannot|immutable|protect"), transaction.atomic():
            attack()


def test_the_application_cannot_bring_the_bypass_back():
    with pytest.raises(DatabaseError, match="must be owner|permission denied"), connection.cursor() as cursor:
        cursor.execute(
            "CREATE OR REPLACE FUNCTION public._pgtrigger_should_ignore(trigger_name name) RETURNS boolean "
            "LANGUAGE sql AS 'SELECT true'"
        )
