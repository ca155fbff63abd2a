"""What was signed and granted before: told to the floors that act upon it from now on."""

from django.db import migrations

from core.pseudonyms import blind

ASSESSMENTS = """
INSERT INTO models_registry_assessment (id, created_at, model_id, source_id, edition, digest, in_force_until)
SELECT gen_random_uuid(), clock_timestamp(), model_id, id, edition, digest, review_on
FROM protection_impactassessment WHERE state = 'signed' ON CONFLICT DO NOTHING
"""


def place(apps, schema_editor):
    standing = apps.get_model("protection", "SubjectRequest").objects.filter(
        kind="restriction", state="fulfilled", patient__isnull=False
    )
    for row in standing:
        apps.get_model("audits_runtime", "Restriction").objects.get_or_create(
            request=row.pk,
            defaults={
                "institution_id": row.institution_id,
                "patient": blind("restriction", f"{row.institution_id}\n{row.patient}"),
                "subjects": row.pseudonyms,
            },
        )


class Migration(migrations.Migration):
    dependencies = [
        ("protection", "0001_initial"),
        ("models_registry", "0002_cleared"),
        ("audits_runtime", "0002_restrictions"),
    ]
    operations = [
        migrations.RunSQL(ASSESSMENTS, migrations.RunSQL.noop),
        migrations.RunPython(place, migrations.RunPython.noop),
    ]
