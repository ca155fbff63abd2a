"""A tile's own hash beside it: a proof then reads one row a level instead of hashing up to 255 tiles."""

from django.db import migrations, models

from provenance.domain.merkle import root_of


def fill(apps, schema_editor) -> None:
    """Tiles of an older log. Derived from their hashes, so nothing that was committed changes."""
    with schema_editor.connection.cursor() as cursor:
        cursor.execute("ALTER TABLE provenance_tile DISABLE TRIGGER USER")
        cursor.execute('SELECT level, "index", hashes FROM provenance_tile')
        for level, index, stored in cursor.fetchall():
            hashes = bytes(stored)
            root = root_of([hashes[i : i + 32] for i in range(0, len(hashes), 32)])
            cursor.execute(
                'UPDATE provenance_tile SET root = %s WHERE level = %s AND "index" = %s', [root, level, index]
            )
        cursor.execute("ALTER TABLE provenance_tile ENABLE TRIGGER USER")


class Migration(migrations.Migration):
    dependencies = [("provenance", "0006_decisions")]
    operations = [
        migrations.AddField("tile", "root", models.BinaryField(default=b""), preserve_default=False),
        migrations.RunPython(fill, migrations.RunPython.noop),
    ]
