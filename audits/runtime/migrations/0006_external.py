"""Predictions made elsewhere, corrections of outcomes, and months that are dropped once nobody has to keep them."""

import uuid

import django.utils.timezone
import pgtrigger.compiler
import pgtrigger.migrations
from django.db import migrations, models

COLUMNS = """
ALTER TABLE runtime_prediction ALTER COLUMN score DROP NOT NULL,
    ADD COLUMN made_at timestamptz, ADD COLUMN after_halt boolean NOT NULL DEFAULT false;
ALTER TABLE runtime_outcome ADD COLUMN corrects bigint, ADD COLUMN correction jsonb;
CREATE INDEX ON runtime_outcome (deployment_id, corrects) WHERE corrects IS NOT NULL;
"""
NO_COLUMNS = """
ALTER TABLE runtime_outcome DROP COLUMN corrects, DROP COLUMN correction;
ALTER TABLE runtime_prediction DROP COLUMN made_at, DROP COLUMN after_halt;
"""

DROP_MONTH = """
-- Run by the application, which may not delete here. It can only drop a whole month, of which the ledger has been told,
-- that is older than the law's six months, than the floor, and than what each deployment keeps.
CREATE FUNCTION runtime_drop_month(dropped date, floor_months integer, default_months integer) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp SET timezone = 'UTC' SET lock_timeout = '5s' AS $$
DECLARE
    first timestamptz := date_trunc('month', dropped::timestamp);
    past timestamptz := first + interval '1 month';
    this_month timestamptz := date_trunc('month', now());
    keeper text;
BEGIN
    IF past > this_month - make_interval(months => greatest(6, floor_months)) THEN
        RAISE EXCEPTION '% is younger than the legal minimum of % months', to_char(first, 'YYYY-MM'),
            greatest(6, floor_months) USING ERRCODE = 'restrict_violation';
    END IF;
    SELECT d.name INTO keeper FROM models_registry_deployment d
    WHERE past > this_month - make_interval(
            months => greatest(6, floor_months, coalesce((d.policy->>'retention_months')::integer, default_months)))
        AND EXISTS (SELECT FROM audits_runtime_batch b WHERE b.deployment_id = d.id
                    AND b.created_at >= first AND b.created_at < past + interval '1 minute')
    LIMIT 1;
    IF keeper IS NOT NULL THEN
        RAISE EXCEPTION 'deployment % keeps its rows longer than since %', keeper, to_char(first, 'YYYY-MM')
            USING ERRCODE = 'restrict_violation';
    END IF;
    IF NOT EXISTS (SELECT FROM audits_runtime_retiredmonth WHERE month = first::date) THEN
        RAISE EXCEPTION '% is not entered as retired', to_char(first, 'YYYY-MM')
            USING ERRCODE = 'restrict_violation';
    END IF;
    EXECUTE format('DROP TABLE IF EXISTS %I', 'runtime_prediction' || to_char(first, '_YYYYMM'));
    EXECUTE format('DROP TABLE IF EXISTS %I', 'runtime_outcome' || to_char(first, '_YYYYMM'));
    DELETE FROM runtime_event_key WHERE received_at >= first AND received_at < past;
END $$;
"""


class Migration(migrations.Migration):
    dependencies = [("audits_runtime", "0005_incidents"), ("models_registry", "0001_initial")]
    operations = [
        migrations.RunSQL(COLUMNS, NO_COLUMNS),
        migrations.CreateModel(
            name="RetiredMonth",
            fields=[
                ("id", models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ("created_at", models.DateTimeField(default=django.utils.timezone.now, editable=False)),
                ("month", models.DateField(unique=True)),
                ("predictions", models.PositiveBigIntegerField()),
                ("outcomes", models.PositiveBigIntegerField()),
                ("batches", models.PositiveIntegerField()),
                ("root", models.CharField(max_length=64)),
            ],
            options={"ordering": ["month"]},
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='retiredmonth',
            trigger=pgtrigger.compiler.Trigger(name='capture', sql=pgtrigger.compiler.UpsertTriggerSql(execute="core_capture('id', 'created_at', 'month', 'predictions', 'outcomes', 'batches', 'root')", func='RETURN NULL;', hash='988b87e185594709d560bb5efdd30f82e2e90224', operation='INSERT OR UPDATE OR DELETE', pgid='pgtrigger_capture_fc487', table='audits_runtime_retiredmonth', when='AFTER')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='retiredmonth',
            trigger=pgtrigger.compiler.Trigger(name='no_truncate', sql=pgtrigger.compiler.UpsertTriggerSql(func="RAISE EXCEPTION '% must not be truncated', TG_TABLE_NAME USING ERRCODE = 'restrict_violation';", hash='ec953b172c7a9baca581b7a1b851141910f73e4a', level='STATEMENT', operation='TRUNCATE', pgid='pgtrigger_no_truncate_cd807', table='audits_runtime_retiredmonth', when='BEFORE')),
        ),
        migrations.RunSQL(DROP_MONTH, "DROP FUNCTION runtime_drop_month"),
    ]
