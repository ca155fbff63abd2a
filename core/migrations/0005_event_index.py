from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("core", "0004_vault")]
    operations = [
        migrations.AddIndex("domainevent", models.Index(fields=["kind", "created_at"], name="event_of_kind")),
    ]
