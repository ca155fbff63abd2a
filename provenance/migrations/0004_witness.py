from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("provenance", "0003_log")]
    operations: list = []
