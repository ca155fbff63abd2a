"""The bulk tables stand below the models: partitioned by month (events) and by hash (the keys that make them unique)."""

import core.fields
import django.contrib.postgres.fields
import django.db.models.deletion
import django.utils.timezone
import pgtrigger.compiler
import pgtrigger.migrations
import uuid
from django.conf import settings
from django.db import migrations, models

from core.operations import Together

SCHEMA = """
CREATE TABLE runtime_prediction (
    received_at timestamptz NOT NULL, deployment_id uuid NOT NULL, event_key text NOT NULL, batch_id uuid NOT NULL,
    batch_index integer NOT NULL,
    site text NOT NULL, subject text NOT NULL, attributes jsonb NOT NULL,
    score double precision CHECK (score BETWEEN 0 AND 1), flagged boolean NOT NULL,
    output bytea NOT NULL, shape jsonb NOT NULL, warnings jsonb NOT NULL,
    made_at timestamptz, after_halt boolean NOT NULL DEFAULT false,
    PRIMARY KEY (received_at, deployment_id, event_key)
) PARTITION BY RANGE (received_at);
CREATE INDEX ON runtime_prediction (batch_id);

CREATE TABLE runtime_outcome (
    received_at timestamptz NOT NULL, deployment_id uuid NOT NULL, position bigint NOT NULL, event_key text NOT NULL,
    batch_id uuid NOT NULL, batch_index integer NOT NULL, site text NOT NULL, attributes jsonb NOT NULL, stratum smallint NOT NULL,
    "values" jsonb NOT NULL, corrects bigint, correction jsonb,
    PRIMARY KEY (received_at, deployment_id, position)
) PARTITION BY RANGE (received_at);
CREATE INDEX ON runtime_outcome (deployment_id, position);
CREATE INDEX ON runtime_outcome (batch_id);
CREATE INDEX ON runtime_outcome (deployment_id, corrects) WHERE corrects IS NOT NULL;

CREATE TABLE runtime_event_key (
    deployment_id uuid NOT NULL, kind text NOT NULL, event_key text NOT NULL, received_at timestamptz NOT NULL,
    alias text NOT NULL DEFAULT '', salt bytea NOT NULL DEFAULT '',
    PRIMARY KEY (deployment_id, kind, event_key)
) PARTITION BY HASH (event_key);
CREATE TABLE runtime_event_key_0 PARTITION OF runtime_event_key FOR VALUES WITH (MODULUS 4, REMAINDER 0);
CREATE TABLE runtime_event_key_1 PARTITION OF runtime_event_key FOR VALUES WITH (MODULUS 4, REMAINDER 1);
CREATE TABLE runtime_event_key_2 PARTITION OF runtime_event_key FOR VALUES WITH (MODULUS 4, REMAINDER 2);
CREATE TABLE runtime_event_key_3 PARTITION OF runtime_event_key FOR VALUES WITH (MODULUS 4, REMAINDER 3);

-- Run by the application, which does not own the tables: it can only ever add months.
CREATE FUNCTION runtime_ensure_partitions(months_ahead integer) RETURNS integer
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp SET timezone = 'UTC' AS $$
DECLARE
    month timestamptz; parent text; child text; made integer := 0;
BEGIN
    FOR offset_months IN -1 .. months_ahead LOOP
        month := date_trunc('month', now()) + make_interval(months => offset_months);
        FOREACH parent IN ARRAY ARRAY['runtime_prediction', 'runtime_outcome'] LOOP
            child := parent || to_char(month, '_YYYYMM');
            IF to_regclass(child) IS NULL THEN
                EXECUTE format('CREATE TABLE %I PARTITION OF %I FOR VALUES FROM (%L) TO (%L)',
                               child, parent, month, month + interval '1 month');
                made := made + 1;
            END IF;
        END LOOP;
    END LOOP;
    RETURN made;
END $$;
SELECT runtime_ensure_partitions(6);
"""

FORGET_NAMES = """
-- Run by the application, which may not delete here: it can only forget all cases of one pseudonym at once.
CREATE FUNCTION runtime_forget_names(pseudonym text) RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    forgotten bigint;
BEGIN
    WITH cases AS (
        SELECT k.deployment_id, k.event_key FROM runtime_prediction p JOIN runtime_event_key k
        ON k.deployment_id = p.deployment_id AND k.kind = 'prediction' AND k.received_at = p.received_at
            AND k.alias = p.event_key
        WHERE p.subject = pseudonym
    ), gone AS (
        DELETE FROM runtime_event_key k USING cases c
        WHERE k.deployment_id = c.deployment_id AND k.event_key = c.event_key
        RETURNING k.kind
    )
    SELECT count(*) INTO forgotten FROM gone WHERE kind = 'prediction';
    RETURN forgotten;
END $$;
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

    initial = True

    dependencies = [
        ('accounts', '0001_initial'),
        ('models_registry', '0001_initial'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        Together(operations=[
            migrations.CreateModel(
                name='EventKey',
                fields=[
                    ('pk', models.CompositePrimaryKey('deployment_id', 'kind', 'event_key', blank=True, editable=False, primary_key=True, serialize=False)),
                    ('deployment_id', models.UUIDField()),
                    ('kind', models.TextField()),
                    ('event_key', models.TextField()),
                    ('received_at', models.DateTimeField()),
                    ('alias', models.TextField()),
                    ('salt', models.BinaryField()),
                ],
                options={
                    'db_table': 'runtime_event_key',
                    'managed': False,
                },
            ),
            migrations.CreateModel(
                name='Outcome',
                fields=[
                    ('pk', models.CompositePrimaryKey('received_at', 'deployment_id', 'position', blank=True, editable=False, primary_key=True, serialize=False)),
                    ('received_at', models.DateTimeField()),
                    ('deployment_id', models.UUIDField()),
                    ('position', models.BigIntegerField()),
                    ('event_key', models.TextField()),
                    ('batch_id', models.UUIDField()),
                    ('batch_index', models.IntegerField()),
                    ('site', models.TextField()),
                    ('attributes', models.JSONField()),
                    ('stratum', models.SmallIntegerField()),
                    ('values', models.JSONField()),
                    ('corrects', models.BigIntegerField(null=True)),
                    ('correction', models.JSONField(null=True)),
                ],
                options={
                    'db_table': 'runtime_outcome',
                    'managed': False,
                },
            ),
            migrations.CreateModel(
                name='Prediction',
                fields=[
                    ('pk', models.CompositePrimaryKey('received_at', 'deployment_id', 'event_key', blank=True, editable=False, primary_key=True, serialize=False)),
                    ('received_at', models.DateTimeField()),
                    ('deployment_id', models.UUIDField()),
                    ('event_key', models.TextField()),
                    ('batch_id', models.UUIDField()),
                    ('batch_index', models.IntegerField()),
                    ('site', models.TextField()),
                    ('subject', models.TextField()),
                    ('attributes', models.JSONField()),
                    ('score', models.FloatField(null=True)),
                    ('flagged', models.BooleanField()),
                    ('output', models.BinaryField()),
                    ('shape', models.JSONField()),
                    ('warnings', models.JSONField()),
                    ('made_at', models.DateTimeField(null=True)),
                    ('after_halt', models.BooleanField(default=False)),
                ],
                options={
                    'db_table': 'runtime_prediction',
                    'managed': False,
                },
            ),
            migrations.CreateModel(
                name='DeploymentCounter',
                fields=[
                    ('deployment', models.OneToOneField(on_delete=django.db.models.deletion.CASCADE, primary_key=True, related_name='counter', serialize=False, to='models_registry.deployment')),
                    ('outcomes', models.BigIntegerField(default=0)),
                    ('predictions', models.BigIntegerField(default=0)),
                ],
            ),
            migrations.CreateModel(
                name='MonitorState',
                fields=[
                    ('deployment', models.OneToOneField(on_delete=django.db.models.deletion.CASCADE, primary_key=True, related_name='monitor', serialize=False, to='models_registry.deployment')),
                    ('position', models.BigIntegerField(default=0)),
                    ('predictions', models.BigIntegerField(default=0)),
                    ('state', models.JSONField(default=dict)),
                    ('summary', models.JSONField(default=dict)),
                    ('amber', models.BooleanField(default=False)),
                    ('updated_at', models.DateTimeField(null=True)),
                ],
            ),
            migrations.CreateModel(
                name='RetiredMonth',
                fields=[
                    ('id', models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                    ('created_at', models.DateTimeField(default=django.utils.timezone.now, editable=False)),
                    ('month', models.DateField(unique=True)),
                    ('predictions', models.PositiveBigIntegerField()),
                    ('outcomes', models.PositiveBigIntegerField()),
                    ('batches', models.PositiveIntegerField()),
                    ('root', models.CharField(max_length=64)),
                ],
                options={
                    'ordering': ['month'],
                },
            ),
            migrations.CreateModel(
                name='Review',
                fields=[
                    ('id', models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                    ('created_at', models.DateTimeField(default=django.utils.timezone.now, editable=False)),
                    ('batch_index', models.PositiveIntegerField()),
                    ('site', models.CharField(max_length=40)),
                    ('predicted_at', models.DateTimeField()),
                    ('event_key', models.CharField(max_length=64)),
                    ('flagged', models.BooleanField()),
                    ('decision', models.CharField(choices=[('accepted', 'Accepted'), ('overrode', 'Overrode'), ('not_used', 'Not used')], max_length=10)),
                    ('why', models.CharField(blank=True, choices=[('clinical_picture', 'The clinical picture says otherwise'), ('other_test', 'Another test says otherwise'), ('input_quality', 'The input is of poor quality or incomplete'), ('out_of_scope', 'The patient is not one that the model is for'), ('patient_wish', 'The patient wishes it so'), ('other', 'Another reason')], max_length=20)),
                    ('note', core.fields.SealedTextField(blank=True, subject='recorded_by')),
                    ('recorded_by', models.UUIDField()),
                    ('batch', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to='audits_runtime.batch')),
                    ('deployment', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='%(class)ss', to='models_registry.deployment')),
                ],
                options={
                    'ordering': ['-created_at'],
                    'constraints': [models.UniqueConstraint(fields=('deployment', 'event_key'), name='one_review_a_case')],
                },
            ),
            migrations.CreateModel(
                name='Rollup',
                fields=[
                    ('id', models.BigAutoField(primary_key=True, serialize=False)),
                    ('hour', models.DateTimeField()),
                    ('site', models.CharField(max_length=40)),
                    ('attributes', models.JSONField()),
                    ('metric', models.CharField(max_length=20)),
                    ('n', models.BigIntegerField(default=0)),
                    ('total', models.FloatField(default=0)),
                    ('total_sq', models.FloatField(default=0)),
                    ('deployment', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='rollups', to='models_registry.deployment')),
                ],
                options={
                    'ordering': ['hour'],
                    'constraints': [models.UniqueConstraint(fields=('deployment', 'hour', 'site', 'attributes', 'metric'), name='rollup_once')],
                },
            ),
            migrations.CreateModel(
                name='WebhookSubscription',
                fields=[
                    ('id', models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                    ('created_at', models.DateTimeField(default=django.utils.timezone.now, editable=False)),
                    ('name', models.CharField(max_length=80)),
                    ('url', models.URLField(max_length=300)),
                    ('secret', core.fields.SealedTextField(subject='id')),
                    ('revoked_at', models.DateTimeField(null=True)),
                    ('created_by', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                    ('institution', models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, to='accounts.institution')),
                ],
                options={
                    'ordering': ['-created_at'],
                },
            ),
            migrations.CreateModel(
                name='AmberDecision',
                fields=[
                    ('id', models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                    ('created_at', models.DateTimeField(default=django.utils.timezone.now, editable=False)),
                    ('warnings', models.JSONField()),
                    ('position', models.BigIntegerField()),
                    ('due_at', models.DateTimeField()),
                    ('decision', models.CharField(blank=True, choices=[('continue', 'Continue, with reasons'), ('restrict', 'Restrict the number of predictions'), ('halt', 'Halt')], max_length=10)),
                    ('decided_at', models.DateTimeField(null=True)),
                    ('reason', core.fields.SealedTextField(blank=True, subject='decided_by_id')),
                    ('review_at', models.DateTimeField(null=True)),
                    ('most_predictions', models.BigIntegerField(null=True)),
                    ('decided_by', models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                    ('deployment', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='amber_decisions', to='models_registry.deployment')),
                    ('institution', models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='accounts.institution')),
                ],
                options={
                    'ordering': ['-created_at'],
                    'constraints': [models.UniqueConstraint(condition=models.Q(('decided_at__isnull', True)), fields=('deployment',), name='one_open_amber_decision'), models.CheckConstraint(condition=models.Q(models.Q(('decided_at__isnull', True), ('decision', '')), models.Q(('decided_at__isnull', False), ('decided_by__isnull', False), ('institution__isnull', False), models.Q(('decision', ''), _negated=True)), _connector='OR'), name='amber_decided_by_somebody'), models.CheckConstraint(condition=models.Q(models.Q(('decision', 'restrict'), _negated=True), ('most_predictions__isnull', False), _connector='OR'), name='amber_restriction_is_said')],
                },
            ),
            migrations.CreateModel(
                name='Batch',
                fields=[
                    ('id', models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                    ('created_at', models.DateTimeField(default=django.utils.timezone.now, editable=False)),
                    ('kind', models.CharField(max_length=12)),
                    ('site', models.CharField(max_length=40)),
                    ('rows', models.PositiveIntegerField()),
                    ('first_position', models.BigIntegerField(null=True)),
                    ('root', models.CharField(max_length=64)),
                    ('salt', models.BinaryField()),
                    ('caller_id', models.UUIDField(null=True)),
                    ('deployment', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='batches', to='models_registry.deployment')),
                ],
                options={
                    'ordering': ['-created_at'],
                    'indexes': [models.Index(fields=['deployment', '-created_at'], name='audits_runt_deploym_8ec919_idx')],
                },
            ),
            migrations.CreateModel(
                name='Appeal',
                fields=[
                    ('id', models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                    ('created_at', models.DateTimeField(default=django.utils.timezone.now, editable=False)),
                    ('batch_index', models.PositiveIntegerField()),
                    ('site', models.CharField(max_length=40)),
                    ('predicted_at', models.DateTimeField()),
                    ('event_key', models.CharField(max_length=64)),
                    ('flagged', models.BooleanField()),
                    ('requested_by', models.UUIDField(null=True)),
                    ('case_name', core.fields.SealedTextField(blank=True, subject='filed_by_id')),
                    ('contested_by', models.CharField(choices=[('clinician', 'A clinician'), ('patient', 'The patient'), ('representative', 'A representative of the patient')], max_length=20)),
                    ('grounds', core.fields.SealedTextField(subject='filed_by_id')),
                    ('due_on', models.DateField()),
                    ('state', models.CharField(choices=[('open', 'Open'), ('under_review', 'Under Review'), ('decided', 'Decided')], default='open', max_length=15)),
                    ('taken_at', models.DateTimeField(null=True)),
                    ('outcome', models.CharField(blank=True, choices=[('upheld', 'Upheld: the contested answer stands'), ('changed', 'Changed: the contested answer no longer stands'), ('withdrawn', 'Withdrawn by who filed it')], max_length=10)),
                    ('decided_at', models.DateTimeField(null=True)),
                    ('reason', core.fields.SealedTextField(blank=True, subject='decided_by_id')),
                    ('feedback', models.CharField(blank=True, choices=[('none', 'No label was given.'), ('told', 'The label was told to the monitor as the outcome of this case.'), ('earlier', 'The case had an outcome already; that one stands, and nothing was told again.')], max_length=10)),
                    ('decided_by', models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                    ('deployment', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='%(class)ss', to='models_registry.deployment')),
                    ('filed_by', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                    ('institution', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to='accounts.institution')),
                    ('taken_by', models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                    ('batch', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to='audits_runtime.batch')),
                ],
                options={
                    'ordering': ['due_on', 'created_at'],
                    'indexes': [models.Index(fields=['institution', 'state', 'due_on'], name='appeal_queue')],
                    'constraints': [models.UniqueConstraint(condition=models.Q(('state', 'decided'), _negated=True), fields=('deployment', 'event_key'), name='one_open_appeal_a_case'), models.CheckConstraint(condition=models.Q(models.Q(('decided_at__isnull', False), ('decided_by__isnull', False), ('state', 'decided'), models.Q(('outcome', ''), _negated=True)), models.Q(models.Q(('state', 'decided'), _negated=True), ('decided_at__isnull', True), ('decided_by__isnull', True), ('outcome', '')), _connector='OR'), name='appeal_decided_by_someone'), models.CheckConstraint(condition=models.Q(('outcome__in', ['', 'withdrawn']), models.Q(models.Q(('decided_by', models.F('filed_by')), _negated=True), models.Q(('requested_by__isnull', True), models.Q(('decided_by', models.F('requested_by')), _negated=True), _connector='OR')), _connector='OR'), name='appeal_decided_by_another')],
                },
            ),
            migrations.CreateModel(
                name='BulkPrediction',
                fields=[
                    ('id', models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                    ('created_at', models.DateTimeField(default=django.utils.timezone.now, editable=False)),
                    ('site', models.CharField(max_length=40)),
                    ('rows', models.PositiveIntegerField()),
                    ('digest', models.CharField(max_length=64)),
                    ('state', models.CharField(choices=[('queued', 'Queued'), ('running', 'Running'), ('finished', 'Finished'), ('cancelled', 'Cancelled'), ('stopped', 'Stopped')], default='queued', max_length=10)),
                    ('why', models.TextField(blank=True)),
                    ('finished_at', models.DateTimeField(null=True)),
                    ('done', models.PositiveIntegerField(default=0)),
                    ('predicted', models.PositiveIntegerField(default=0)),
                    ('refused', models.PositiveIntegerField(default=0)),
                    ('results', models.CharField(blank=True, max_length=64)),
                    ('deployment', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='bulk_predictions', to='models_registry.deployment')),
                    ('requested_by', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                ],
                options={
                    'ordering': ['-created_at'],
                },
            ),
            migrations.CreateModel(
                name='DailyRollup',
                fields=[
                    ('id', models.BigAutoField(primary_key=True, serialize=False)),
                    ('hour', models.DateTimeField()),
                    ('site', models.CharField(max_length=40)),
                    ('attributes', models.JSONField()),
                    ('metric', models.CharField(max_length=20)),
                    ('n', models.BigIntegerField(default=0)),
                    ('total', models.FloatField(default=0)),
                    ('total_sq', models.FloatField(default=0)),
                    ('deployment', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='+', to='models_registry.deployment')),
                ],
                options={
                    'ordering': ['hour'],
                    'constraints': [models.UniqueConstraint(fields=('deployment', 'hour', 'site', 'attributes', 'metric'), name='daily_rollup_once')],
                },
            ),
            migrations.CreateModel(
                name='Halt',
                fields=[
                    ('id', models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                    ('created_at', models.DateTimeField(default=django.utils.timezone.now, editable=False)),
                    ('automatic', models.BooleanField()),
                    ('reason', core.fields.SealedTextField(subject='halted_by_id')),
                    ('alarm', models.JSONField(default=dict)),
                    ('position', models.BigIntegerField()),
                    ('site', models.CharField(blank=True, max_length=40)),
                    ('closed_at', models.DateTimeField(null=True)),
                    ('deployment', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='halts', to='models_registry.deployment')),
                    ('halted_by', models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                ],
                options={
                    'ordering': ['-created_at'],
                    'constraints': [models.UniqueConstraint(condition=models.Q(('closed_at__isnull', True)), fields=('deployment', 'site'), name='one_open_halt'), models.CheckConstraint(condition=models.Q(models.Q(('automatic', True), _negated=True), ('halted_by__isnull', True), _connector='OR'), name='halt_has_author')],
                },
            ),
            migrations.CreateModel(
                name='Incident',
                fields=[
                    ('id', models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                    ('created_at', models.DateTimeField(default=django.utils.timezone.now, editable=False)),
                    ('state', models.CharField(choices=[('open', 'Open'), ('contained', 'Contained'), ('resolved', 'Resolved'), ('closed', 'Closed')], default='open', max_length=10)),
                    ('closed_at', models.DateTimeField(null=True)),
                    ('deployment', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='incidents', to='models_registry.deployment')),
                    ('halt', models.OneToOneField(on_delete=django.db.models.deletion.PROTECT, related_name='incident', to='audits_runtime.halt')),
                    ('responsible', models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                ],
                options={
                    'ordering': ['-created_at'],
                },
            ),
            migrations.CreateModel(
                name='IncidentRecord',
                fields=[
                    ('id', models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                    ('created_at', models.DateTimeField(default=django.utils.timezone.now, editable=False)),
                    ('kind', models.CharField(choices=[('facts', 'Facts'), ('clock', 'Regulator clock'), ('downtime', 'Downtime plan'), ('root_cause', 'Root cause'), ('action', 'Corrective action'), ('remark', 'Remark'), ('state', 'State')], max_length=12)),
                    ('key', models.CharField(blank=True, max_length=30)),
                    ('answer', models.CharField(blank=True, max_length=20)),
                    ('data', models.JSONField(default=dict)),
                    ('text', core.fields.SealedTextField(blank=True, subject='author_id')),
                    ('author', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                    ('incident', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='records', to='audits_runtime.incident')),
                ],
                options={
                    'ordering': ['created_at'],
                },
            ),
            migrations.CreateModel(
                name='IncidentTask',
                fields=[
                    ('id', models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                    ('created_at', models.DateTimeField(default=django.utils.timezone.now, editable=False)),
                    ('title', core.fields.SealedTextField(subject='created_by_id')),
                    ('due_on', models.DateField()),
                    ('done_at', models.DateTimeField(null=True)),
                    ('created_by', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                    ('done_by', models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                    ('incident', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='tasks', to='audits_runtime.incident')),
                    ('owner', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                ],
                options={
                    'ordering': ['due_on', 'created_at'],
                },
            ),
            migrations.CreateModel(
                name='InputDrift',
                fields=[
                    ('id', models.BigAutoField(primary_key=True, serialize=False)),
                    ('site', models.CharField(max_length=40)),
                    ('hour', models.DateTimeField(null=True)),
                    ('read', django.contrib.postgres.fields.ArrayField(base_field=models.BigIntegerField(), size=None)),
                    ('state', models.JSONField()),
                    ('deployment', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='+', to='models_registry.deployment')),
                ],
                options={
                    'ordering': ['site'],
                    'constraints': [models.UniqueConstraint(fields=('deployment', 'site'), name='input_drift_once')],
                },
            ),
            migrations.CreateModel(
                name='InputPeriod',
                fields=[
                    ('id', models.BigAutoField(primary_key=True, serialize=False)),
                    ('site', models.CharField(max_length=40)),
                    ('hour', models.DateTimeField()),
                    ('cases', models.BigIntegerField()),
                    ('counts', django.contrib.postgres.fields.ArrayField(base_field=models.BigIntegerField(), size=None)),
                    ('deployment', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='+', to='models_registry.deployment')),
                ],
                options={
                    'ordering': ['hour'],
                    'constraints': [models.UniqueConstraint(fields=('deployment', 'site', 'hour'), name='input_period_once')],
                },
            ),
            migrations.CreateModel(
                name='LookBack',
                fields=[
                    ('id', models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                    ('created_at', models.DateTimeField(default=django.utils.timezone.now, editable=False)),
                    ('since', models.DateTimeField()),
                    ('until', models.DateTimeField()),
                    ('attribute', models.CharField(blank=True, max_length=80)),
                    ('group', models.CharField(blank=True, max_length=80)),
                    ('basis', models.TextField()),
                    ('estimate', models.JSONField(default=dict)),
                    ('built_at', models.DateTimeField(null=True)),
                    ('incident', models.OneToOneField(on_delete=django.db.models.deletion.PROTECT, related_name='look_back', to='audits_runtime.incident')),
                ],
            ),
            migrations.CreateModel(
                name='LookBackCase',
                fields=[
                    ('id', models.BigAutoField(primary_key=True, serialize=False)),
                    ('site', models.CharField(max_length=40)),
                    ('event_key', models.CharField(max_length=64)),
                    ('subject', models.CharField(max_length=64)),
                    ('predicted_at', models.DateTimeField()),
                    ('attributes', models.JSONField()),
                    ('score', models.FloatField()),
                    ('flagged', models.BooleanField()),
                    ('in_scope', models.BooleanField(default=True)),
                    ('reread', models.CharField(blank=True, choices=[('confirmed', 'Re-read: the answer stands'), ('changed', 'Re-read: the answer was wrong'), ('not_possible', 'Cannot be re-read')], max_length=12)),
                    ('disclosed', models.CharField(blank=True, choices=[('told', 'Patient was told'), ('not_needed', 'Nothing to tell'), ('unreachable', 'Patient could not be reached')], max_length=12)),
                    ('look_back', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='cases', to='audits_runtime.lookback')),
                ],
                options={
                    'ordering': ['predicted_at', 'id'],
                    'indexes': [models.Index(fields=['look_back', 'site', 'predicted_at', 'id'], name='look_back_of_site'), models.Index(condition=models.Q(('in_scope', True), models.Q(('reread', ''), ('disclosed', ''), _connector='OR')), fields=['look_back', 'site'], name='look_back_waiting')],
                    'constraints': [models.UniqueConstraint(fields=('look_back', 'event_key'), name='look_back_case_once')],
                },
            ),
            migrations.CreateModel(
                name='LookBackMark',
                fields=[
                    ('id', models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                    ('created_at', models.DateTimeField(default=django.utils.timezone.now, editable=False)),
                    ('site', models.CharField(max_length=40)),
                    ('what', models.CharField(choices=[('reread', 'Re-reading'), ('disclosed', 'Disclosure')], max_length=10)),
                    ('result', models.CharField(max_length=12)),
                    ('cases', models.JSONField()),
                    ('note', core.fields.SealedTextField(blank=True, subject='author_id')),
                    ('author', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                    ('look_back', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='marks', to='audits_runtime.lookback')),
                ],
                options={
                    'ordering': ['created_at'],
                },
            ),
            migrations.CreateModel(
                name='Notice',
                fields=[
                    ('id', models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                    ('created_at', models.DateTimeField(default=django.utils.timezone.now, editable=False)),
                    ('event', models.CharField(max_length=40)),
                    ('channel', models.CharField(choices=[('email', 'E-mail'), ('webhook', 'Webhook')], max_length=10)),
                    ('payload', models.JSONField()),
                    ('state', models.CharField(choices=[('queued', 'Queued'), ('sent', 'Sent'), ('dead', 'Dead')], default='queued', max_length=10)),
                    ('attempts', models.PositiveIntegerField(default=0)),
                    ('rounds', models.PositiveIntegerField(default=0)),
                    ('last_error', models.TextField(blank=True)),
                    ('sent_at', models.DateTimeField(null=True)),
                    ('halt', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='notices', to='audits_runtime.halt')),
                    ('recipient', models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                    ('subscription', models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='notices', to='audits_runtime.webhooksubscription')),
                ],
                options={
                    'ordering': ['-created_at'],
                    'indexes': [models.Index(fields=['state', '-created_at'], name='notice_by_state')],
                    'constraints': [models.CheckConstraint(condition=models.Q(models.Q(('channel', 'email'), ('recipient__isnull', False), ('subscription__isnull', True)), models.Q(('channel', 'webhook'), ('recipient__isnull', True), ('subscription__isnull', False)), _connector='OR'), name='notice_has_one_recipient'), models.UniqueConstraint(fields=('event', 'halt', 'recipient'), name='notice_once_a_person'), models.UniqueConstraint(fields=('event', 'halt', 'subscription'), name='notice_once_a_subscription')],
                },
            ),
            migrations.CreateModel(
                name='Reinstatement',
                fields=[
                    ('id', models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                    ('created_at', models.DateTimeField(default=django.utils.timezone.now, editable=False)),
                    ('reason', core.fields.SealedTextField(subject='officer_id')),
                    ('evidence_kind', models.CharField(blank=True, choices=[('audit', 'Audit'), ('document', 'Document')], max_length=10)),
                    ('evidence_digest', models.CharField(blank=True, max_length=64)),
                    ('evidence_source', models.UUIDField(null=True)),
                    ('evidence_name', core.fields.SealedTextField(blank=True, subject='officer_id')),
                    ('withdrawn_at', models.DateTimeField(null=True)),
                    ('withdrawn_why', core.fields.SealedTextField(blank=True, subject='withdrawn_by_id')),
                    ('halt', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='reinstatements', to='audits_runtime.halt')),
                    ('institution', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, to='accounts.institution')),
                    ('officer', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                    ('withdrawn_by', models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                ],
                options={
                    'ordering': ['created_at'],
                    'constraints': [models.UniqueConstraint(condition=models.Q(('withdrawn_at__isnull', True)), fields=('halt', 'officer'), name='one_vote_each'), models.UniqueConstraint(condition=models.Q(('withdrawn_at__isnull', True)), fields=('halt', 'institution'), name='one_vote_an_institution'), models.CheckConstraint(condition=models.Q(models.Q(('withdrawn_at__isnull', True), ('withdrawn_by__isnull', True)), models.Q(('withdrawn_at__isnull', False), ('withdrawn_by__isnull', False)), _connector='OR'), name='vote_withdrawn_by_somebody')],
                },
            ),
            migrations.CreateModel(
                name='RequestTimes',
                fields=[
                    ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                    ('request', models.CharField(max_length=20)),
                    ('code', models.CharField(max_length=3)),
                    ('counts', django.contrib.postgres.fields.ArrayField(base_field=models.BigIntegerField(), size=None)),
                    ('seconds', models.FloatField()),
                ],
                options={
                    'ordering': ['request', 'code'],
                    'constraints': [models.UniqueConstraint(fields=('request', 'code'), name='request_times_once')],
                },
            ),
            pgtrigger.migrations.AddTrigger(
                model_name='retiredmonth',
                trigger=pgtrigger.compiler.Trigger(name='capture', sql=pgtrigger.compiler.UpsertTriggerSql(execute="core_capture('id', 'created_at', 'month', 'predictions', 'outcomes', 'batches', 'root')", func='RETURN NULL;', hash='988b87e185594709d560bb5efdd30f82e2e90224', operation='INSERT OR UPDATE OR DELETE', pgid='pgtrigger_capture_fc487', table='audits_runtime_retiredmonth', when='AFTER')),
            ),
            pgtrigger.migrations.AddTrigger(
                model_name='retiredmonth',
                trigger=pgtrigger.compiler.Trigger(name='no_truncate', sql=pgtrigger.compiler.UpsertTriggerSql(func="RAISE EXCEPTION '% must not be truncated', TG_TABLE_NAME USING ERRCODE = 'restrict_violation';", hash='ec953b172c7a9baca581b7a1b851141910f73e4a', level='STATEMENT', operation='TRUNCATE', pgid='pgtrigger_no_truncate_cd807', table='audits_runtime_retiredmonth', when='BEFORE')),
            ),
            pgtrigger.migrations.AddTrigger(
                model_name='review',
                trigger=pgtrigger.compiler.Trigger(name='capture', sql=pgtrigger.compiler.UpsertTriggerSql(execute="core_capture('id', 'created_at', 'deployment_id', 'batch_id', 'batch_index', 'site', 'predicted_at', 'event_key', 'flagged', 'decision', 'why', 'note', 'recorded_by')", func='RETURN NULL;', hash='b4816194e14535b3f970e491b530aca277591625', operation='INSERT OR UPDATE OR DELETE', pgid='pgtrigger_capture_08787', table='audits_runtime_review', when='AFTER')),
            ),
            pgtrigger.migrations.AddTrigger(
                model_name='review',
                trigger=pgtrigger.compiler.Trigger(name='no_truncate', sql=pgtrigger.compiler.UpsertTriggerSql(func="RAISE EXCEPTION '% must not be truncated', TG_TABLE_NAME USING ERRCODE = 'restrict_violation';", hash='259dc69884e6262554092688d0d1e8f1926ccf1a', level='STATEMENT', operation='TRUNCATE', pgid='pgtrigger_no_truncate_9ed8f', table='audits_runtime_review', when='BEFORE')),
            ),
            pgtrigger.migrations.AddTrigger(
                model_name='review',
                trigger=pgtrigger.compiler.Trigger(name='immutable', sql=pgtrigger.compiler.UpsertTriggerSql(func="RAISE EXCEPTION 'pgtrigger: Cannot update or delete rows from % table', TG_TABLE_NAME;", hash='953cf4311d4b86458b5c0555b63ddfdf78696eb7', operation='UPDATE OR DELETE', pgid='pgtrigger_immutable_4a23f', table='audits_runtime_review', when='BEFORE')),
            ),
            pgtrigger.migrations.AddTrigger(
                model_name='webhooksubscription',
                trigger=pgtrigger.compiler.Trigger(name='capture', sql=pgtrigger.compiler.UpsertTriggerSql(execute="core_capture('id', 'created_at', 'name', 'url', 'institution_id', 'created_by_id', 'revoked_at')", func='RETURN NULL;', hash='9ccb20fd5e5b2c3b709acecf1dfb9de55e89f892', operation='INSERT OR UPDATE OR DELETE', pgid='pgtrigger_capture_26cd6', table='audits_runtime_webhooksubscription', when='AFTER')),
            ),
            pgtrigger.migrations.AddTrigger(
                model_name='webhooksubscription',
                trigger=pgtrigger.compiler.Trigger(name='no_truncate', sql=pgtrigger.compiler.UpsertTriggerSql(func="RAISE EXCEPTION '% must not be truncated', TG_TABLE_NAME USING ERRCODE = 'restrict_violation';", hash='41d10227611b6275ce6b66da0250dceb3a2a650c', level='STATEMENT', operation='TRUNCATE', pgid='pgtrigger_no_truncate_c0a02', table='audits_runtime_webhooksubscription', when='BEFORE')),
            ),
            pgtrigger.migrations.AddTrigger(
                model_name='amberdecision',
                trigger=pgtrigger.compiler.Trigger(name='capture', sql=pgtrigger.compiler.UpsertTriggerSql(execute="core_capture('id', 'created_at', 'deployment_id', 'warnings', 'position', 'due_at', 'decision', 'decided_by_id', 'institution_id', 'decided_at', 'reason', 'review_at', 'most_predictions')", func='RETURN NULL;', hash='f004470f55bef3eb05f32705901bb92cdc793d0d', operation='INSERT OR UPDATE OR DELETE', pgid='pgtrigger_capture_88466', table='audits_runtime_amberdecision', when='AFTER')),
            ),
            pgtrigger.migrations.AddTrigger(
                model_name='amberdecision',
                trigger=pgtrigger.compiler.Trigger(name='no_truncate', sql=pgtrigger.compiler.UpsertTriggerSql(func="RAISE EXCEPTION '% must not be truncated', TG_TABLE_NAME USING ERRCODE = 'restrict_violation';", hash='038dde6d6c25ad65fe8572586af9d46f9fe7d538', level='STATEMENT', operation='TRUNCATE', pgid='pgtrigger_no_truncate_35ed9', table='audits_runtime_amberdecision', when='BEFORE')),
            ),
            pgtrigger.migrations.AddTrigger(
                model_name='amberdecision',
                trigger=pgtrigger.compiler.Trigger(name='decided_once', sql=pgtrigger.compiler.UpsertTriggerSql(condition='WHEN (OLD."decided_at" IS NOT NULL)', func="RAISE EXCEPTION 'pgtrigger: Cannot update rows from % table', TG_TABLE_NAME;", hash='166641d885a2c5ff245f3e4e63302fa3850171d7', operation='UPDATE', pgid='pgtrigger_decided_once_07be6', table='audits_runtime_amberdecision', when='BEFORE')),
            ),
            pgtrigger.migrations.AddTrigger(
                model_name='batch',
                trigger=pgtrigger.compiler.Trigger(name='capture', sql=pgtrigger.compiler.UpsertTriggerSql(execute="core_capture('id', 'created_at', 'deployment_id', 'kind', 'site', 'rows', 'first_position', 'root')", func='RETURN NULL;', hash='cdf306aa7e3394423988d91aef8530523c134800', operation='INSERT OR UPDATE OR DELETE', pgid='pgtrigger_capture_f65d4', table='audits_runtime_batch', when='AFTER')),
            ),
            pgtrigger.migrations.AddTrigger(
                model_name='batch',
                trigger=pgtrigger.compiler.Trigger(name='no_truncate', sql=pgtrigger.compiler.UpsertTriggerSql(func="RAISE EXCEPTION '% must not be truncated', TG_TABLE_NAME USING ERRCODE = 'restrict_violation';", hash='893c8fe6f9917d1e72bbabbf0422896dd47597aa', level='STATEMENT', operation='TRUNCATE', pgid='pgtrigger_no_truncate_887ef', table='audits_runtime_batch', when='BEFORE')),
            ),
            pgtrigger.migrations.AddTrigger(
                model_name='appeal',
                trigger=pgtrigger.compiler.Trigger(name='capture', sql=pgtrigger.compiler.UpsertTriggerSql(execute="core_capture('id', 'created_at', 'deployment_id', 'batch_id', 'batch_index', 'site', 'predicted_at', 'event_key', 'flagged', 'institution_id', 'requested_by', 'contested_by', 'filed_by_id', 'grounds', 'due_on', 'state', 'taken_by_id', 'taken_at', 'outcome', 'decided_by_id', 'decided_at', 'reason', 'feedback')", func='RETURN NULL;', hash='70592dcfb5624432120649f7648f31cec3f19770', operation='INSERT OR UPDATE OR DELETE', pgid='pgtrigger_capture_cb1af', table='audits_runtime_appeal', when='AFTER')),
            ),
            pgtrigger.migrations.AddTrigger(
                model_name='appeal',
                trigger=pgtrigger.compiler.Trigger(name='no_truncate', sql=pgtrigger.compiler.UpsertTriggerSql(func="RAISE EXCEPTION '% must not be truncated', TG_TABLE_NAME USING ERRCODE = 'restrict_violation';", hash='fd095ae757e6e6ab3f2ff09d1f424e550e310dc7', level='STATEMENT', operation='TRUNCATE', pgid='pgtrigger_no_truncate_c34f1', table='audits_runtime_appeal', when='BEFORE')),
            ),
            pgtrigger.migrations.AddTrigger(
                model_name='appeal',
                trigger=pgtrigger.compiler.Trigger(name='kept', sql=pgtrigger.compiler.UpsertTriggerSql(func="RAISE EXCEPTION 'pgtrigger: Cannot delete rows from % table', TG_TABLE_NAME;", hash='2c0afb96cdc4fd868332526fd913b36eb567fb24', operation='DELETE', pgid='pgtrigger_kept_781af', table='audits_runtime_appeal', when='BEFORE')),
            ),
            pgtrigger.migrations.AddTrigger(
                model_name='appeal',
                trigger=pgtrigger.compiler.Trigger(name='decided_stays', sql=pgtrigger.compiler.UpsertTriggerSql(condition="WHEN (OLD.state = 'decided' AND ((OLD.state, OLD.outcome, OLD.decided_by_id, OLD.decided_at, OLD.reason, OLD.feedback) IS DISTINCT FROM (NEW.state, NEW.outcome, NEW.decided_by_id, NEW.decided_at, NEW.reason, NEW.feedback)))", func="RAISE EXCEPTION 'pgtrigger: Cannot update rows from % table', TG_TABLE_NAME;", hash='a36c7f9177c5bd15066d116d5b65dbfb4ba37407', operation='UPDATE', pgid='pgtrigger_decided_stays_68824', table='audits_runtime_appeal', when='BEFORE')),
            ),
            pgtrigger.migrations.AddTrigger(
                model_name='appeal',
                trigger=pgtrigger.compiler.Trigger(name='filed_stays', sql=pgtrigger.compiler.UpsertTriggerSql(condition='WHEN ((OLD.event_key, OLD.flagged, OLD.requested_by, OLD.contested_by, OLD.filed_by_id, OLD.grounds) IS DISTINCT FROM (NEW.event_key, NEW.flagged, NEW.requested_by, NEW.contested_by, NEW.filed_by_id, NEW.grounds))', func="RAISE EXCEPTION 'pgtrigger: Cannot update rows from % table', TG_TABLE_NAME;", hash='cffd8f98e45361122377b7c6241c6add650b81ab', operation='UPDATE', pgid='pgtrigger_filed_stays_cbe82', table='audits_runtime_appeal', when='BEFORE')),
            ),
            pgtrigger.migrations.AddTrigger(
                model_name='bulkprediction',
                trigger=pgtrigger.compiler.Trigger(name='capture', sql=pgtrigger.compiler.UpsertTriggerSql(execute="core_capture('id', 'created_at', 'deployment_id', 'requested_by_id', 'site', 'rows', 'digest', 'state', 'why', 'finished_at')", func='RETURN NULL;', hash='f5c7754e843bd9632cfd08e9542d99a6ac859ffc', operation='INSERT OR UPDATE OR DELETE', pgid='pgtrigger_capture_ab4e5', table='audits_runtime_bulkprediction', when='AFTER')),
            ),
            pgtrigger.migrations.AddTrigger(
                model_name='bulkprediction',
                trigger=pgtrigger.compiler.Trigger(name='no_truncate', sql=pgtrigger.compiler.UpsertTriggerSql(func="RAISE EXCEPTION '% must not be truncated', TG_TABLE_NAME USING ERRCODE = 'restrict_violation';", hash='4d4ce8f4d51f7b581d97b05760f0be0deae349ea', level='STATEMENT', operation='TRUNCATE', pgid='pgtrigger_no_truncate_1ee70', table='audits_runtime_bulkprediction', when='BEFORE')),
            ),
            pgtrigger.migrations.AddTrigger(
                model_name='halt',
                trigger=pgtrigger.compiler.Trigger(name='capture', sql=pgtrigger.compiler.UpsertTriggerSql(execute="core_capture('id', 'created_at', 'deployment_id', 'automatic', 'halted_by_id', 'reason', 'alarm', 'position', 'site', 'closed_at')", func='RETURN NULL;', hash='689fd9718cd45517d16355c65b3beaf5358c329e', operation='INSERT OR UPDATE OR DELETE', pgid='pgtrigger_capture_ce360', table='audits_runtime_halt', when='AFTER')),
            ),
            pgtrigger.migrations.AddTrigger(
                model_name='halt',
                trigger=pgtrigger.compiler.Trigger(name='no_truncate', sql=pgtrigger.compiler.UpsertTriggerSql(func="RAISE EXCEPTION '% must not be truncated', TG_TABLE_NAME USING ERRCODE = 'restrict_violation';", hash='e0ec6c9e13f31ae152f63e5e4d1f662e72e0bdd3', level='STATEMENT', operation='TRUNCATE', pgid='pgtrigger_no_truncate_73935', table='audits_runtime_halt', when='BEFORE')),
            ),
            pgtrigger.migrations.AddTrigger(
                model_name='incident',
                trigger=pgtrigger.compiler.Trigger(name='capture', sql=pgtrigger.compiler.UpsertTriggerSql(execute="core_capture('id', 'created_at', 'halt_id', 'deployment_id', 'state', 'responsible_id', 'closed_at')", func='RETURN NULL;', hash='51a0ba00da75fd7c48263176f715b5e2d8c6f7cd', operation='INSERT OR UPDATE OR DELETE', pgid='pgtrigger_capture_60217', table='audits_runtime_incident', when='AFTER')),
            ),
            pgtrigger.migrations.AddTrigger(
                model_name='incident',
                trigger=pgtrigger.compiler.Trigger(name='no_truncate', sql=pgtrigger.compiler.UpsertTriggerSql(func="RAISE EXCEPTION '% must not be truncated', TG_TABLE_NAME USING ERRCODE = 'restrict_violation';", hash='38be99ceebbd4aed40147f2e2aaed87200a31a26', level='STATEMENT', operation='TRUNCATE', pgid='pgtrigger_no_truncate_bd97c', table='audits_runtime_incident', when='BEFORE')),
            ),
            pgtrigger.migrations.AddTrigger(
                model_name='incidentrecord',
                trigger=pgtrigger.compiler.Trigger(name='capture', sql=pgtrigger.compiler.UpsertTriggerSql(execute="core_capture('id', 'created_at', 'incident_id', 'kind', 'key', 'answer', 'data', 'text', 'author_id')", func='RETURN NULL;', hash='ce9aeafbe93543663999e8e325503a93393447e4', operation='INSERT OR UPDATE OR DELETE', pgid='pgtrigger_capture_0a508', table='audits_runtime_incidentrecord', when='AFTER')),
            ),
            pgtrigger.migrations.AddTrigger(
                model_name='incidentrecord',
                trigger=pgtrigger.compiler.Trigger(name='no_truncate', sql=pgtrigger.compiler.UpsertTriggerSql(func="RAISE EXCEPTION '% must not be truncated', TG_TABLE_NAME USING ERRCODE = 'restrict_violation';", hash='29a3fa891d25c0c1bd24d5b877ea67adf8cc5afb', level='STATEMENT', operation='TRUNCATE', pgid='pgtrigger_no_truncate_3887a', table='audits_runtime_incidentrecord', when='BEFORE')),
            ),
            pgtrigger.migrations.AddTrigger(
                model_name='incidentrecord',
                trigger=pgtrigger.compiler.Trigger(name='append_only', sql=pgtrigger.compiler.UpsertTriggerSql(func="RAISE EXCEPTION '% is append-only: % refused', TG_TABLE_NAME, TG_OP USING ERRCODE = 'restrict_violation';", hash='1af77e47c81015874e43c29962ed96c90b8f5209', operation='UPDATE OR DELETE', pgid='pgtrigger_append_only_8d689', table='audits_runtime_incidentrecord', when='BEFORE')),
            ),
            pgtrigger.migrations.AddTrigger(
                model_name='incidenttask',
                trigger=pgtrigger.compiler.Trigger(name='capture', sql=pgtrigger.compiler.UpsertTriggerSql(execute="core_capture('id', 'created_at', 'incident_id', 'title', 'owner_id', 'due_on', 'created_by_id', 'done_at', 'done_by_id')", func='RETURN NULL;', hash='fa3d6f04d7a62b027b78f90e6a8d341a381e1215', operation='INSERT OR UPDATE OR DELETE', pgid='pgtrigger_capture_0d0ea', table='audits_runtime_incidenttask', when='AFTER')),
            ),
            pgtrigger.migrations.AddTrigger(
                model_name='incidenttask',
                trigger=pgtrigger.compiler.Trigger(name='no_truncate', sql=pgtrigger.compiler.UpsertTriggerSql(func="RAISE EXCEPTION '% must not be truncated', TG_TABLE_NAME USING ERRCODE = 'restrict_violation';", hash='860acde15657099ffbbf528dcf339852a936a391', level='STATEMENT', operation='TRUNCATE', pgid='pgtrigger_no_truncate_cf788', table='audits_runtime_incidenttask', when='BEFORE')),
            ),
            pgtrigger.migrations.AddTrigger(
                model_name='lookback',
                trigger=pgtrigger.compiler.Trigger(name='capture', sql=pgtrigger.compiler.UpsertTriggerSql(execute="core_capture('id', 'created_at', 'incident_id', 'since', 'until', 'attribute', 'group', 'basis', 'estimate', 'built_at')", func='RETURN NULL;', hash='57c0851530dc1638524845b60aaa1eeea6a3b4f5', operation='INSERT OR UPDATE OR DELETE', pgid='pgtrigger_capture_9e7d0', table='audits_runtime_lookback', when='AFTER')),
            ),
            pgtrigger.migrations.AddTrigger(
                model_name='lookback',
                trigger=pgtrigger.compiler.Trigger(name='no_truncate', sql=pgtrigger.compiler.UpsertTriggerSql(func="RAISE EXCEPTION '% must not be truncated', TG_TABLE_NAME USING ERRCODE = 'restrict_violation';", hash='842ea84433fbd4b6849ca7a0663a5d7d452748c6', level='STATEMENT', operation='TRUNCATE', pgid='pgtrigger_no_truncate_05d08', table='audits_runtime_lookback', when='BEFORE')),
            ),
            pgtrigger.migrations.AddTrigger(
                model_name='lookbackmark',
                trigger=pgtrigger.compiler.Trigger(name='capture', sql=pgtrigger.compiler.UpsertTriggerSql(execute="core_capture('id', 'created_at', 'look_back_id', 'site', 'what', 'result', 'cases', 'note', 'author_id')", func='RETURN NULL;', hash='becccb9edd9d263a9fde95a6e6a2a153b030bde2', operation='INSERT OR UPDATE OR DELETE', pgid='pgtrigger_capture_a943c', table='audits_runtime_lookbackmark', when='AFTER')),
            ),
            pgtrigger.migrations.AddTrigger(
                model_name='lookbackmark',
                trigger=pgtrigger.compiler.Trigger(name='no_truncate', sql=pgtrigger.compiler.UpsertTriggerSql(func="RAISE EXCEPTION '% must not be truncated', TG_TABLE_NAME USING ERRCODE = 'restrict_violation';", hash='dd77146854ad19e2498f1edc48147d7284feb50c', level='STATEMENT', operation='TRUNCATE', pgid='pgtrigger_no_truncate_1e37c', table='audits_runtime_lookbackmark', when='BEFORE')),
            ),
            pgtrigger.migrations.AddTrigger(
                model_name='lookbackmark',
                trigger=pgtrigger.compiler.Trigger(name='append_only', sql=pgtrigger.compiler.UpsertTriggerSql(func="RAISE EXCEPTION '% is append-only: % refused', TG_TABLE_NAME, TG_OP USING ERRCODE = 'restrict_violation';", hash='3ad483f41c6211ef581e780fdbd03af098418ce6', operation='UPDATE OR DELETE', pgid='pgtrigger_append_only_09a83', table='audits_runtime_lookbackmark', when='BEFORE')),
            ),
            pgtrigger.migrations.AddTrigger(
                model_name='notice',
                trigger=pgtrigger.compiler.Trigger(name='capture', sql=pgtrigger.compiler.UpsertTriggerSql(execute="core_capture('id', 'created_at', 'event', 'halt_id', 'channel', 'recipient_id', 'subscription_id', 'payload', 'state', 'attempts', 'sent_at')", func='RETURN NULL;', hash='6d1ced4ee676d558777c85e958682c1161f29974', operation='INSERT OR UPDATE OR DELETE', pgid='pgtrigger_capture_39a2b', table='audits_runtime_notice', when='AFTER')),
            ),
            pgtrigger.migrations.AddTrigger(
                model_name='notice',
                trigger=pgtrigger.compiler.Trigger(name='no_truncate', sql=pgtrigger.compiler.UpsertTriggerSql(func="RAISE EXCEPTION '% must not be truncated', TG_TABLE_NAME USING ERRCODE = 'restrict_violation';", hash='903dd52e2337942a9287fcc723357bbe5bb68add', level='STATEMENT', operation='TRUNCATE', pgid='pgtrigger_no_truncate_b651f', table='audits_runtime_notice', when='BEFORE')),
            ),
            pgtrigger.migrations.AddTrigger(
                model_name='reinstatement',
                trigger=pgtrigger.compiler.Trigger(name='capture', sql=pgtrigger.compiler.UpsertTriggerSql(execute="core_capture('id', 'created_at', 'halt_id', 'officer_id', 'institution_id', 'reason', 'evidence_kind', 'evidence_digest', 'evidence_source', 'evidence_name', 'withdrawn_at', 'withdrawn_by_id', 'withdrawn_why')", func='RETURN NULL;', hash='5794ff54766929546cc9d000ac7bf299d4e91659', operation='INSERT OR UPDATE OR DELETE', pgid='pgtrigger_capture_09d6b', table='audits_runtime_reinstatement', when='AFTER')),
            ),
            pgtrigger.migrations.AddTrigger(
                model_name='reinstatement',
                trigger=pgtrigger.compiler.Trigger(name='no_truncate', sql=pgtrigger.compiler.UpsertTriggerSql(func="RAISE EXCEPTION '% must not be truncated', TG_TABLE_NAME USING ERRCODE = 'restrict_violation';", hash='de72703658409fc4aab822358f896812b3e660bf', level='STATEMENT', operation='TRUNCATE', pgid='pgtrigger_no_truncate_07a85', table='audits_runtime_reinstatement', when='BEFORE')),
            ),
            pgtrigger.migrations.AddTrigger(
                model_name='reinstatement',
                trigger=pgtrigger.compiler.Trigger(name='independent', sql=pgtrigger.compiler.UpsertTriggerSql(func="\nIF NEW.withdrawn_at IS NOT NULL THEN\n    RAISE EXCEPTION 'a vote is given before it is withdrawn' USING ERRCODE = 'check_violation';\nEND IF;\nIF NEW.evidence_digest !~ '^[0-9a-f]{64}$' THEN\n    RAISE EXCEPTION 'a vote names its evidence by a SHA-256 digest' USING ERRCODE = 'check_violation';\nEND IF;\nIF EXISTS (SELECT 1 FROM audits_runtime_reinstatement r\n           WHERE r.halt_id = NEW.halt_id AND r.withdrawn_at IS NULL AND r.evidence_digest <> NEW.evidence_digest) THEN\n    RAISE EXCEPTION 'all votes on a halt name the same evidence' USING ERRCODE = 'check_violation';\nEND IF;\nIF EXISTS (SELECT 1 FROM audits_runtime_halt h\n           JOIN models_registry_deployment d ON d.id = h.deployment_id\n           JOIN models_registry_approvalrequest a ON a.id = d.approval_id\n           WHERE h.id = NEW.halt_id\n             AND (NEW.officer_id IN (d.deployed_by_id, a.requested_by_id)\n                  OR NEW.officer_id IS NOT DISTINCT FROM h.halted_by_id\n                  OR EXISTS (SELECT 1 FROM models_registry_approvaldecision x\n                             WHERE x.request_id = a.id AND x.decided_by_id = NEW.officer_id))) THEN\n    RAISE EXCEPTION 'who deployed it, or halted it, does not vote to reinstate it' USING ERRCODE = 'check_violation';\nEND IF;\nRETURN NEW;\n", hash='ee692cdef27e5b1aba5988cc557880848ea5d390', operation='INSERT', pgid='pgtrigger_independent_f10da', table='audits_runtime_reinstatement', when='BEFORE')),
            ),
            pgtrigger.migrations.AddTrigger(
                model_name='reinstatement',
                trigger=pgtrigger.compiler.Trigger(name='withdrawn_only', sql=pgtrigger.compiler.UpsertTriggerSql(func="\nIF (to_jsonb(OLD) - 'withdrawn_at' - 'withdrawn_by_id' - 'withdrawn_why')\n   IS DISTINCT FROM (to_jsonb(NEW) - 'withdrawn_at' - 'withdrawn_by_id' - 'withdrawn_why') THEN\n    RAISE EXCEPTION 'a vote does not change' USING ERRCODE = 'check_violation';\nEND IF;\nIF OLD.withdrawn_at IS NOT NULL THEN\n    RAISE EXCEPTION 'a vote is withdrawn once' USING ERRCODE = 'check_violation';\nEND IF;\nIF EXISTS (SELECT 1 FROM audits_runtime_halt h WHERE h.id = NEW.halt_id AND h.closed_at IS NOT NULL) THEN\n    RAISE EXCEPTION 'the halt is closed, so its votes stand' USING ERRCODE = 'check_violation';\nEND IF;\nRETURN NEW;\n", hash='4fe81e76c93ff4aa931039aae25e23a441b792cc', operation='UPDATE', pgid='pgtrigger_withdrawn_only_54db9', table='audits_runtime_reinstatement', when='BEFORE')),
            ),
            pgtrigger.migrations.AddTrigger(
                model_name='reinstatement',
                trigger=pgtrigger.compiler.Trigger(name='kept', sql=pgtrigger.compiler.UpsertTriggerSql(func="RAISE EXCEPTION 'pgtrigger: Cannot delete rows from % table', TG_TABLE_NAME;", hash='5d0c6e85f04f649057d0ddbd2277f8653a452f51', operation='DELETE', pgid='pgtrigger_kept_73794', table='audits_runtime_reinstatement', when='BEFORE')),
            ),
        ]),
        migrations.RunSQL(SCHEMA, "DROP TABLE runtime_prediction, runtime_outcome, runtime_event_key CASCADE"),
        migrations.RunSQL(FORGET_NAMES, "DROP FUNCTION runtime_forget_names"),
        migrations.RunSQL(DROP_MONTH, "DROP FUNCTION runtime_drop_month"),
    ]
