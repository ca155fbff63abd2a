from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("provenance", "0002_prune")]
    operations: list = []
