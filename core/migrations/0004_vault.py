from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("core", "0003_capture")]
    operations = [
        migrations.CreateModel(
            name="PatientKey",
            fields=[
                ("index", models.BinaryField(primary_key=True, serialize=False)),
                ("salt", models.BinaryField()),
                ("created_at", models.DateTimeField()),
            ],
        ),
        migrations.CreateModel(
            name="SubjectKey",
            fields=[
                ("subject", models.UUIDField(primary_key=True, serialize=False)),
                ("wrapped", models.BinaryField()),
                ("kek", models.CharField(blank=True, max_length=12)),
                ("created_at", models.DateTimeField()),
                ("shredded_at", models.DateTimeField(null=True)),
            ],
            options={"indexes": [models.Index(fields=["kek"], name="core_subjec_kek_49be17_idx")]},
        ),
    ]
