from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("provenance", "0005_chain")]
    operations: list = []
