"""What was summed by hour before there were days, and before outcomes were counted by themselves."""

from django.db import migrations

# Until now no metric counted every outcome. The one defined for most cases of a cell comes closest: accuracy counts all
# classified cases; of segmented ones it misses those few that the others leave undefined.
TOLD = """
INSERT INTO audits_runtime_rollup (deployment_id, hour, site, attributes, metric, n, total, total_sq)
SELECT deployment_id, hour, site, attributes, 'told', max(n), max(n), max(n)
FROM audits_runtime_rollup WHERE metric NOT IN ('selection_rate', 'told')
GROUP BY deployment_id, hour, site, attributes
ON CONFLICT DO NOTHING
"""
DAYS = """
INSERT INTO audits_runtime_dailyrollup (deployment_id, hour, site, attributes, metric, n, total, total_sq)
SELECT deployment_id, date_trunc('day', hour, 'UTC'), site, attributes, metric, sum(n), sum(total), sum(total_sq)
FROM audits_runtime_rollup GROUP BY 1, 2, 3, 4, 5
"""


class Migration(migrations.Migration):
    dependencies = [("audits_runtime", "0008_daily")]
    operations = [
        migrations.RunSQL(TOLD, "DELETE FROM audits_runtime_rollup WHERE metric = 'told'"),
        migrations.RunSQL(DAYS, migrations.RunSQL.noop),
    ]
