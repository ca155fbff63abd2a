from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("provenance", "0004_witness")]
    operations: list = []
