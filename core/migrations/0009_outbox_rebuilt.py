"""The outbox written anew without the columns that it once had: PostgreSQL pays for a dropped column at every insert.

Four of them cost a captured row a twentieth (docs/design/ledger.md). Rows that wait at the moment of the change go on
waiting under their numbers.
"""

from django.db import migrations

REBUILD = """
LOCK TABLE core_outbox;
CREATE TABLE core_outbox_rebuilt (LIKE core_outbox INCLUDING ALL);
INSERT INTO core_outbox_rebuilt OVERRIDING SYSTEM VALUE SELECT * FROM core_outbox;
SELECT setval(pg_get_serial_sequence('core_outbox_rebuilt', 'id'), nextval(pg_get_serial_sequence('core_outbox', 'id')));
DROP TABLE core_outbox;
ALTER TABLE core_outbox_rebuilt RENAME TO core_outbox;
ALTER INDEX core_outbox_rebuilt_pkey RENAME TO core_outbox_pkey;
ALTER SEQUENCE core_outbox_rebuilt_id_seq RENAME TO core_outbox_id_seq;
"""


class Migration(migrations.Migration):
    dependencies = [("core", "0008_context")]
    operations = [migrations.RunSQL(REBUILD, migrations.RunSQL.noop)]
