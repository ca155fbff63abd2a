import core.fields
import core.roles
import django.db.models.deletion
import django.utils.timezone
import pgtrigger.compiler
import pgtrigger.migrations
import uuid
from django.conf import settings
from django.db import migrations, models

from core.operations import Together


class Migration(migrations.Migration):

    initial = True

    dependencies = [
        ('accounts', '0001_initial'),
        ('federation', '0001_initial'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        Together(operations=[
            migrations.CreateModel(
                name='ApprovalRequest',
                fields=[
                    ('id', models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                    ('created_at', models.DateTimeField(default=django.utils.timezone.now, editable=False)),
                    ('kind', models.CharField(choices=[('clinical', 'Clinical use'), ('shadow', 'Shadow deployment')], max_length=10)),
                    ('content', models.JSONField()),
                    ('content_digest', models.CharField(max_length=64)),
                    ('policy', models.JSONField()),
                    ('state', models.CharField(choices=[('under_review', 'Under Review'), ('approved', 'Approved'), ('rejected', 'Rejected'), ('withdrawn', 'Withdrawn'), ('voided', 'Voided'), ('change_requested', 'Change Requested'), ('expired', 'Expired')], default='under_review', max_length=20)),
                    ('justification', core.fields.SealedTextField(subject='requested_by_id')),
                    ('closed_at', models.DateTimeField(null=True)),
                    ('expires_at', models.DateTimeField(null=True)),
                    ('requested_by', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                    ('version', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='approval_requests', to='models_registry.version')),
                ],
                options={
                    'ordering': ['-created_at'],
                    'constraints': [models.UniqueConstraint(condition=models.Q(('state', 'under_review')), fields=('version', 'kind'), name='one_open_request')],
                },
            ),
            migrations.CreateModel(
                name='ApprovalComment',
                fields=[
                    ('id', models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                    ('created_at', models.DateTimeField(default=django.utils.timezone.now, editable=False)),
                    ('text', core.fields.SealedTextField(subject='author_id')),
                    ('author', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                    ('request', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='comments', to='models_registry.approvalrequest')),
                ],
                options={
                    'ordering': ['created_at'],
                },
            ),
            migrations.CreateModel(
                name='Card',
                fields=[
                    ('id', models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                    ('created_at', models.DateTimeField(default=django.utils.timezone.now, editable=False)),
                    ('edition', models.PositiveIntegerField()),
                    ('content', models.JSONField()),
                    ('digest', models.CharField(max_length=64)),
                    ('written_by', models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                    ('version', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='cards', to='models_registry.version')),
                ],
                options={
                    'ordering': ['-edition'],
                    'constraints': [models.UniqueConstraint(fields=('version', 'edition'), name='card_edition_once')],
                },
            ),
            migrations.CreateModel(
                name='CardPublication',
                fields=[
                    ('id', models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                    ('created_at', models.DateTimeField(default=django.utils.timezone.now, editable=False)),
                    ('card_digest', models.CharField(max_length=64)),
                    ('withdrawn_at', models.DateTimeField(null=True)),
                    ('card', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='publications', to='models_registry.card')),
                    ('published_by', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                    ('version', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='publications', to='models_registry.version')),
                ],
                options={
                    'ordering': ['-created_at'],
                    'constraints': [models.UniqueConstraint(condition=models.Q(('withdrawn_at__isnull', True)), fields=('version',), name='one_public_card')],
                },
            ),
            migrations.CreateModel(
                name='Delegation',
                fields=[
                    ('id', models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                    ('created_at', models.DateTimeField(default=django.utils.timezone.now, editable=False)),
                    ('starts_at', models.DateTimeField()),
                    ('ends_at', models.DateTimeField()),
                    ('reason', core.fields.SealedTextField(subject='officer_id')),
                    ('revoked_at', models.DateTimeField(null=True)),
                    ('deputy', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='deputyships', to=settings.AUTH_USER_MODEL)),
                    ('institution', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to='accounts.institution')),
                    ('officer', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='delegations', to=settings.AUTH_USER_MODEL)),
                ],
                options={
                    'ordering': ['-created_at'],
                    'constraints': [models.CheckConstraint(condition=models.Q(('officer', models.F('deputy')), _negated=True), name='deputy_is_another'), models.CheckConstraint(condition=models.Q(('ends_at__gt', models.F('starts_at'))), name='delegation_has_length')],
                },
            ),
            migrations.CreateModel(
                name='Model',
                fields=[
                    ('id', models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                    ('created_at', models.DateTimeField(default=django.utils.timezone.now, editable=False)),
                    ('name', models.CharField(max_length=120)),
                    ('intended_use', models.TextField()),
                    ('federation', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='models', to='federation.federation')),
                ],
                options={
                    'ordering': ['name'],
                    'constraints': [models.UniqueConstraint(fields=('federation', 'name'), name='model_name_once')],
                },
            ),
            migrations.CreateModel(
                name='PublicCard',
                fields=[
                    ('id', models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                    ('created_at', models.DateTimeField(default=django.utils.timezone.now, editable=False)),
                    ('edition', models.PositiveIntegerField()),
                    ('card_digest', models.CharField(max_length=64)),
                    ('weights_digest', models.CharField(max_length=64)),
                    ('proof', models.CharField(blank=True, max_length=64)),
                    ('publication', models.OneToOneField(on_delete=django.db.models.deletion.PROTECT, related_name='statement', to='models_registry.cardpublication')),
                ],
            ),
            migrations.CreateModel(
                name='ReviewerKey',
                fields=[
                    ('id', models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                    ('created_at', models.DateTimeField(default=django.utils.timezone.now, editable=False)),
                    ('kind', models.CharField(choices=[('mldsa65', 'Signing program (ML-DSA-65)'), ('webauthn', 'Security key or passkey (WebAuthn)')], max_length=10)),
                    ('public_key', models.TextField(unique=True)),
                    ('revoked_at', models.DateTimeField(null=True)),
                    ('user', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='reviewer_keys', to=settings.AUTH_USER_MODEL)),
                ],
                options={
                    'ordering': ['created_at'],
                },
            ),
            migrations.CreateModel(
                name='ApprovalDecision',
                fields=[
                    ('id', models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                    ('created_at', models.DateTimeField(default=django.utils.timezone.now, editable=False)),
                    ('capacity', models.CharField(choices=[('ethics_officer', 'Ethics officer'), ('administrator', 'Administrator')], max_length=20)),
                    ('reason', core.fields.SealedTextField(subject='decided_by_id')),
                    ('content_digest', models.CharField(max_length=64)),
                    ('decision', models.CharField(choices=[('approve', 'Approve'), ('reject', 'Reject'), ('abstain', 'Abstain'), ('request_change', 'Request a change')], max_length=20)),
                    ('statement', models.TextField(blank=True)),
                    ('signature', models.TextField(blank=True)),
                    ('reason_salt', core.fields.SealedTextField(blank=True, subject='decided_by_id')),
                    ('decided_by', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                    ('institution', models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, to='accounts.institution')),
                    ('requested_by', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                    ('request', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='decisions', to='models_registry.approvalrequest')),
                    ('delegation', models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='decisions', to='models_registry.delegation')),
                    ('key', models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='decisions', to='models_registry.reviewerkey')),
                ],
                options={
                    'ordering': ['created_at'],
                    'constraints': [models.UniqueConstraint(fields=('request', 'decided_by'), name='one_decision_each'), models.CheckConstraint(condition=models.Q(('decided_by', models.F('requested_by')), _negated=True), name='requester_does_not_decide'), models.CheckConstraint(condition=models.Q(('capacity', core.roles.Role['ADMINISTRATOR']), ('institution__isnull', False), _connector='OR'), name='officer_has_institution')],
                },
            ),
            migrations.CreateModel(
                name='Version',
                fields=[
                    ('id', models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                    ('created_at', models.DateTimeField(default=django.utils.timezone.now, editable=False)),
                    ('number', models.PositiveIntegerField()),
                    ('weights_digest', models.CharField(max_length=64)),
                    ('baseline_digest', models.CharField(max_length=64)),
                    ('config_hash', models.CharField(max_length=64)),
                    ('config', models.JSONField()),
                    ('manifests', models.JSONField()),
                    ('metrics', models.JSONField()),
                    ('circuit', models.JSONField()),
                    ('model', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='versions', to='models_registry.model')),
                    ('run', models.OneToOneField(on_delete=django.db.models.deletion.PROTECT, related_name='version', to='federation.trainingrun')),
                ],
                options={
                    'ordering': ['-created_at'],
                    'constraints': [models.UniqueConstraint(fields=('model', 'number'), name='version_number_once')],
                },
            ),
            migrations.CreateModel(
                name='ModelSignature',
                fields=[
                    ('id', models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                    ('created_at', models.DateTimeField(default=django.utils.timezone.now, editable=False)),
                    ('bundle', models.TextField()),
                    ('public_key', models.TextField()),
                    ('version', models.OneToOneField(on_delete=django.db.models.deletion.PROTECT, related_name='signature', to='models_registry.version')),
                ],
            ),
            migrations.CreateModel(
                name='Evidence',
                fields=[
                    ('id', models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                    ('created_at', models.DateTimeField(default=django.utils.timezone.now, editable=False)),
                    ('kind', models.CharField(max_length=30)),
                    ('source_id', models.UUIDField()),
                    ('verdict', models.CharField(choices=[('pass', 'Pass'), ('fail', 'Fail'), ('inconclusive', 'Inconclusive'), ('not_assessable', 'Not Assessable')], max_length=20)),
                    ('digest', models.CharField(max_length=64)),
                    ('summary', models.JSONField()),
                    ('version', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='evidence', to='models_registry.version')),
                ],
                options={
                    'ordering': ['-created_at'],
                    'constraints': [models.UniqueConstraint(fields=('kind', 'source_id'), name='evidence_once')],
                },
            ),
            migrations.CreateModel(
                name='Deployment',
                fields=[
                    ('id', models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                    ('created_at', models.DateTimeField(default=django.utils.timezone.now, editable=False)),
                    ('kind', models.CharField(choices=[('clinical', 'Clinical use'), ('shadow', 'Shadow deployment')], max_length=10)),
                    ('name', models.CharField(max_length=120)),
                    ('policy', models.JSONField()),
                    ('state', models.CharField(choices=[('active', 'Active'), ('halted', 'Halted'), ('revoked', 'Revoked')], default='active', max_length=10)),
                    ('approval', models.OneToOneField(on_delete=django.db.models.deletion.PROTECT, related_name='deployment', to='models_registry.approvalrequest')),
                    ('deployed_by', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                    ('version', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='deployments', to='models_registry.version')),
                ],
                options={
                    'ordering': ['-created_at'],
                },
            ),
            pgtrigger.migrations.AddTrigger(
                model_name='approvalrequest',
                trigger=pgtrigger.compiler.Trigger(name='capture', sql=pgtrigger.compiler.UpsertTriggerSql(execute="core_capture('id', 'created_at', 'version_id', 'kind', 'content', 'content_digest', 'policy', 'state', 'requested_by_id', 'justification', 'closed_at', 'expires_at')", func='RETURN NULL;', hash='0d3861a9253494d03c9256a0b91ee562157371dc', operation='INSERT OR UPDATE OR DELETE', pgid='pgtrigger_capture_46cde', table='models_registry_approvalrequest', when='AFTER')),
            ),
            pgtrigger.migrations.AddTrigger(
                model_name='approvalrequest',
                trigger=pgtrigger.compiler.Trigger(name='no_truncate', sql=pgtrigger.compiler.UpsertTriggerSql(func="RAISE EXCEPTION '% must not be truncated', TG_TABLE_NAME USING ERRCODE = 'restrict_violation';", hash='2ec4d6e8fe1a5564ce43fb1ea3975d71455f2b07', level='STATEMENT', operation='TRUNCATE', pgid='pgtrigger_no_truncate_2ca99', table='models_registry_approvalrequest', when='BEFORE')),
            ),
            pgtrigger.migrations.AddTrigger(
                model_name='approvalrequest',
                trigger=pgtrigger.compiler.Trigger(name='quorum', sql=pgtrigger.compiler.UpsertTriggerSql(func="\nDECLARE\n    officers integer; institutions integer; administrators integer;\nBEGIN\n    IF (NEW.version_id, NEW.kind, NEW.content, NEW.content_digest, NEW.policy, NEW.requested_by_id, NEW.expires_at)\n        IS DISTINCT FROM (OLD.version_id, OLD.kind, OLD.content, OLD.content_digest, OLD.policy,\n                          OLD.requested_by_id, OLD.expires_at) THEN\n        RAISE EXCEPTION 'a request is bound to its content; make a new one' USING ERRCODE = 'check_violation';\n    END IF;\n    IF NEW.state = OLD.state THEN\n        RETURN NEW;\n    END IF;\n    IF OLD.state <> 'under_review' AND NOT (OLD.state = 'approved' AND NEW.state = 'voided') THEN\n        RAISE EXCEPTION 'a request that is % cannot become %', OLD.state, NEW.state USING ERRCODE = 'check_violation';\n    END IF;\n    IF NEW.state = 'approved' THEN\n        SELECT count(*), count(DISTINCT institution_id) INTO officers, institutions\n        FROM models_registry_approvaldecision\n        WHERE request_id = NEW.id AND decision = 'approve' AND capacity = 'ethics_officer';\n        SELECT count(*) INTO administrators FROM models_registry_approvaldecision\n        WHERE request_id = NEW.id AND decision = 'approve' AND capacity = 'administrator';\n        IF officers < 2 OR institutions < 2 OR administrators < 1 THEN\n            RAISE EXCEPTION 'approval needs 2 officers of 2 institutions and an administrator, has % of % and %',\n                officers, institutions, administrators USING ERRCODE = 'check_violation';\n        END IF;\n    END IF;\n    IF NEW.state = 'expired' AND NEW.expires_at > clock_timestamp() THEN\n        RAISE EXCEPTION 'the request has not expired' USING ERRCODE = 'check_violation';\n    END IF;\n    IF NEW.state IN ('rejected', 'change_requested') THEN\n        PERFORM 1 FROM models_registry_approvaldecision d WHERE d.request_id = NEW.id\n            AND d.decision = CASE NEW.state WHEN 'rejected' THEN 'reject' ELSE 'request_change' END;\n        IF NOT FOUND THEN\n            RAISE EXCEPTION 'nobody decided that the request becomes %', NEW.state USING ERRCODE = 'check_violation';\n        END IF;\n    END IF;\n    RETURN NEW;\nEND;\n", hash='2feece4ba12b82e85594b165802ff631491a3f01', operation='UPDATE', pgid='pgtrigger_quorum_fdab2', table='models_registry_approvalrequest', when='BEFORE')),
            ),
            pgtrigger.migrations.AddTrigger(
                model_name='approvalrequest',
                trigger=pgtrigger.compiler.Trigger(name='evidence', sql=pgtrigger.compiler.UpsertTriggerSql(func="\nDECLARE\n    latest text; newest jsonb; standing text;\nBEGIN\n    SELECT verdict, summary INTO latest, newest FROM models_registry_evidence\n    WHERE version_id = NEW.version_id AND kind = 'predeployment_audit' ORDER BY created_at DESC LIMIT 1;\n    IF latest IS NULL THEN\n        RAISE EXCEPTION 'the version was never audited' USING ERRCODE = 'check_violation';\n    END IF;\n    IF latest = 'fail' OR (NEW.kind = 'clinical' AND latest <> 'pass') THEN\n        RAISE EXCEPTION 'the audit says %, which does not allow a % request', latest, NEW.kind\n            USING ERRCODE = 'check_violation';\n    END IF;\n    IF NEW.kind = 'clinical' AND newest ->> 'risk_class' = 'high'\n        AND newest ->> 'tier' IS DISTINCT FROM 'certification' THEN\n        RAISE EXCEPTION 'clinical use of a model of high risk needs a certification audit'\n            USING ERRCODE = 'check_violation';\n    END IF;\n    -- A fail stands until an audit of its tier passes, the same check included, with as many patients (`fails`).\n    SELECT coalesce(failed.row ->> 'title', 'the audit') INTO standing\n    FROM models_registry_evidence f\n    CROSS JOIN LATERAL (\n        SELECT c AS row FROM jsonb_array_elements(coalesce(f.summary -> 'checks', '[]')) c\n        WHERE c ->> 'verdict' = 'fail' AND c ->> 'decides' IS DISTINCT FROM 'informs'\n        UNION ALL\n        SELECT '{}' WHERE NOT EXISTS (\n            SELECT 1 FROM jsonb_array_elements(coalesce(f.summary -> 'checks', '[]')) c\n            WHERE c ->> 'verdict' = 'fail' AND c ->> 'decides' IS DISTINCT FROM 'informs')\n    ) failed\n    WHERE f.version_id = NEW.version_id AND f.kind = 'predeployment_audit' AND f.verdict = 'fail'\n    AND NOT EXISTS (\n        SELECT 1 FROM models_registry_evidence p\n        WHERE p.version_id = f.version_id AND p.kind = f.kind AND p.verdict = 'pass' AND p.created_at > f.created_at\n        AND (p.summary ->> 'tier' = 'certification' OR f.summary ->> 'tier' IS DISTINCT FROM 'certification')\n        AND (failed.row = '{}' OR EXISTS (\n            SELECT 1 FROM jsonb_array_elements(coalesce(p.summary -> 'checks', '[]')) q\n            WHERE q ->> 'verdict' = 'pass' AND failed.row ->> 'check_id' IN (q ->> 'check_id', q ->> 'instead_of')\n            AND coalesce((q ->> 'patients')::bigint, 0) >= coalesce((failed.row ->> 'patients')::bigint, 0))))\n    ORDER BY f.created_at DESC LIMIT 1;\n    IF standing IS NOT NULL THEN\n        RAISE EXCEPTION 'a fail stands that no later audit has answered: %', standing\n            USING ERRCODE = 'check_violation';\n    END IF;\n    PERFORM 1 FROM models_registry_evidence f\n    WHERE f.version_id = NEW.version_id AND f.kind = 'predeployment_audit' AND f.verdict = 'fail';\n    IF FOUND AND coalesce(NEW.content ->> 'fails', '') = '' THEN\n        RAISE EXCEPTION 'the version failed in an earlier audit, and the request does not bind that'\n            USING ERRCODE = 'check_violation';\n    END IF;\n    RETURN NEW;\nEND;\n", hash='592788ddd4d8e63e03abcbd25dade2cc67eccf1c', operation='INSERT', pgid='pgtrigger_evidence_fd916', table='models_registry_approvalrequest', when='BEFORE')),
            ),
            pgtrigger.migrations.AddTrigger(
                model_name='approvalcomment',
                trigger=pgtrigger.compiler.Trigger(name='capture', sql=pgtrigger.compiler.UpsertTriggerSql(execute="core_capture('id', 'created_at', 'request_id', 'author_id', 'text')", func='RETURN NULL;', hash='7c3cabe7005ec06e17b979fa317ff69f3d36303c', operation='INSERT OR UPDATE OR DELETE', pgid='pgtrigger_capture_518bd', table='models_registry_approvalcomment', when='AFTER')),
            ),
            pgtrigger.migrations.AddTrigger(
                model_name='approvalcomment',
                trigger=pgtrigger.compiler.Trigger(name='no_truncate', sql=pgtrigger.compiler.UpsertTriggerSql(func="RAISE EXCEPTION '% must not be truncated', TG_TABLE_NAME USING ERRCODE = 'restrict_violation';", hash='3f17773f04191bac617dd3aaaaedd7bf1f5525db', level='STATEMENT', operation='TRUNCATE', pgid='pgtrigger_no_truncate_9ca13', table='models_registry_approvalcomment', when='BEFORE')),
            ),
            pgtrigger.migrations.AddTrigger(
                model_name='approvalcomment',
                trigger=pgtrigger.compiler.Trigger(name='append_only', sql=pgtrigger.compiler.UpsertTriggerSql(func="RAISE EXCEPTION '% is append-only: % refused', TG_TABLE_NAME, TG_OP USING ERRCODE = 'restrict_violation';", hash='6578c4345cc53c2632b587a986854d81e2a619cd', operation='UPDATE OR DELETE', pgid='pgtrigger_append_only_6c07e', table='models_registry_approvalcomment', when='BEFORE')),
            ),
            pgtrigger.migrations.AddTrigger(
                model_name='card',
                trigger=pgtrigger.compiler.Trigger(name='capture', sql=pgtrigger.compiler.UpsertTriggerSql(execute="core_capture('id', 'created_at', 'version_id', 'edition', 'content', 'digest', 'written_by_id')", func='RETURN NULL;', hash='d6236ab500975d4e4b2cc83586637e236130e0c3', operation='INSERT OR UPDATE OR DELETE', pgid='pgtrigger_capture_93478', table='models_registry_card', when='AFTER')),
            ),
            pgtrigger.migrations.AddTrigger(
                model_name='card',
                trigger=pgtrigger.compiler.Trigger(name='no_truncate', sql=pgtrigger.compiler.UpsertTriggerSql(func="RAISE EXCEPTION '% must not be truncated', TG_TABLE_NAME USING ERRCODE = 'restrict_violation';", hash='c395c6343ec7280f31637e2473513a797528ae6f', level='STATEMENT', operation='TRUNCATE', pgid='pgtrigger_no_truncate_ba838', table='models_registry_card', when='BEFORE')),
            ),
            pgtrigger.migrations.AddTrigger(
                model_name='card',
                trigger=pgtrigger.compiler.Trigger(name='immutable', sql=pgtrigger.compiler.UpsertTriggerSql(func="RAISE EXCEPTION 'pgtrigger: Cannot update or delete rows from % table', TG_TABLE_NAME;", hash='cd387f2753ad891b74f011b5db9f303e08edd006', operation='UPDATE OR DELETE', pgid='pgtrigger_immutable_f8dfe', table='models_registry_card', when='BEFORE')),
            ),
            pgtrigger.migrations.AddTrigger(
                model_name='cardpublication',
                trigger=pgtrigger.compiler.Trigger(name='capture', sql=pgtrigger.compiler.UpsertTriggerSql(execute="core_capture('id', 'created_at', 'version_id', 'card_id', 'card_digest', 'published_by_id', 'withdrawn_at')", func='RETURN NULL;', hash='38d001e5306377f991fce8e0a4827fa756386b93', operation='INSERT OR UPDATE OR DELETE', pgid='pgtrigger_capture_baa63', table='models_registry_cardpublication', when='AFTER')),
            ),
            pgtrigger.migrations.AddTrigger(
                model_name='cardpublication',
                trigger=pgtrigger.compiler.Trigger(name='no_truncate', sql=pgtrigger.compiler.UpsertTriggerSql(func="RAISE EXCEPTION '% must not be truncated', TG_TABLE_NAME USING ERRCODE = 'restrict_violation';", hash='58053c7bac8b7ebad0c1e0bb4455d6cc8b862b0a', level='STATEMENT', operation='TRUNCATE', pgid='pgtrigger_no_truncate_96411', table='models_registry_cardpublication', when='BEFORE')),
            ),
            pgtrigger.migrations.AddTrigger(
                model_name='delegation',
                trigger=pgtrigger.compiler.Trigger(name='capture', sql=pgtrigger.compiler.UpsertTriggerSql(execute="core_capture('id', 'created_at', 'officer_id', 'deputy_id', 'institution_id', 'starts_at', 'ends_at', 'reason', 'revoked_at')", func='RETURN NULL;', hash='bbed952b0c28159c5a879c3cbf1caca05499380e', operation='INSERT OR UPDATE OR DELETE', pgid='pgtrigger_capture_5d30d', table='models_registry_delegation', when='AFTER')),
            ),
            pgtrigger.migrations.AddTrigger(
                model_name='delegation',
                trigger=pgtrigger.compiler.Trigger(name='no_truncate', sql=pgtrigger.compiler.UpsertTriggerSql(func="RAISE EXCEPTION '% must not be truncated', TG_TABLE_NAME USING ERRCODE = 'restrict_violation';", hash='d981f9015f3abf641ee95314f46cde7f9ac735d4', level='STATEMENT', operation='TRUNCATE', pgid='pgtrigger_no_truncate_c3f94', table='models_registry_delegation', when='BEFORE')),
            ),
            pgtrigger.migrations.AddTrigger(
                model_name='delegation',
                trigger=pgtrigger.compiler.Trigger(name='stands_in', sql=pgtrigger.compiler.UpsertTriggerSql(func="\nBEGIN\n    IF TG_OP = 'UPDATE' THEN\n        IF (NEW.id, NEW.officer_id, NEW.deputy_id, NEW.institution_id, NEW.starts_at, NEW.ends_at)\n            IS DISTINCT FROM (OLD.id, OLD.officer_id, OLD.deputy_id, OLD.institution_id, OLD.starts_at, OLD.ends_at)\n            OR OLD.revoked_at IS NOT NULL THEN\n            RAISE EXCEPTION 'a delegation is only revoked, once' USING ERRCODE = 'check_violation';\n        END IF;\n        RETURN NEW;\n    END IF;\n    PERFORM 1 FROM accounts_membership m WHERE m.user_id = NEW.officer_id AND m.is_active\n        AND m.role = 'ethics_officer' AND m.institution_id = NEW.institution_id;\n    IF NOT FOUND THEN\n        RAISE EXCEPTION 'only an ethics officer of the institution delegates' USING ERRCODE = 'check_violation';\n    END IF;\n    PERFORM 1 FROM accounts_membership m WHERE m.user_id = NEW.deputy_id AND m.is_active\n        AND m.institution_id = NEW.institution_id AND m.role IN ('clinician', 'auditor');\n    IF NOT FOUND THEN\n        RAISE EXCEPTION 'the deputy is a clinician or an auditor of the same institution'\n            USING ERRCODE = 'check_violation';\n    END IF;\n    IF NEW.ends_at > NEW.starts_at + interval '60 days' THEN\n        RAISE EXCEPTION 'a delegation lasts 60 days at most' USING ERRCODE = 'check_violation';\n    END IF;\n    RETURN NEW;\nEND;\n", hash='700bac94d99d6782e153740838db8182b8a23ffa', operation='INSERT OR UPDATE', pgid='pgtrigger_stands_in_7ddbd', table='models_registry_delegation', when='BEFORE')),
            ),
            pgtrigger.migrations.AddTrigger(
                model_name='model',
                trigger=pgtrigger.compiler.Trigger(name='capture', sql=pgtrigger.compiler.UpsertTriggerSql(execute="core_capture('id', 'created_at', 'federation_id', 'name', 'intended_use')", func='RETURN NULL;', hash='f6293be6617a211af18759146f47e708b1779084', operation='INSERT OR UPDATE OR DELETE', pgid='pgtrigger_capture_83ecb', table='models_registry_model', when='AFTER')),
            ),
            pgtrigger.migrations.AddTrigger(
                model_name='model',
                trigger=pgtrigger.compiler.Trigger(name='no_truncate', sql=pgtrigger.compiler.UpsertTriggerSql(func="RAISE EXCEPTION '% must not be truncated', TG_TABLE_NAME USING ERRCODE = 'restrict_violation';", hash='c46b8804f8fbbd330d4566135c831c40528221ec', level='STATEMENT', operation='TRUNCATE', pgid='pgtrigger_no_truncate_ba9c9', table='models_registry_model', when='BEFORE')),
            ),
            pgtrigger.migrations.AddTrigger(
                model_name='publiccard',
                trigger=pgtrigger.compiler.Trigger(name='capture', sql=pgtrigger.compiler.UpsertTriggerSql(execute="core_capture('id', 'created_at', 'publication_id', 'edition', 'card_digest', 'weights_digest')", func='RETURN NULL;', hash='e115e859787ea887833da8e440ee1ea584e8ded6', operation='INSERT OR UPDATE OR DELETE', pgid='pgtrigger_capture_b0a52', table='models_registry_publiccard', when='AFTER')),
            ),
            pgtrigger.migrations.AddTrigger(
                model_name='publiccard',
                trigger=pgtrigger.compiler.Trigger(name='no_truncate', sql=pgtrigger.compiler.UpsertTriggerSql(func="RAISE EXCEPTION '% must not be truncated', TG_TABLE_NAME USING ERRCODE = 'restrict_violation';", hash='95143d33c5f7ae706590f7ff61bd411aa2a91af8', level='STATEMENT', operation='TRUNCATE', pgid='pgtrigger_no_truncate_87e1a', table='models_registry_publiccard', when='BEFORE')),
            ),
            pgtrigger.migrations.AddTrigger(
                model_name='publiccard',
                trigger=pgtrigger.compiler.Trigger(name='immutable', sql=pgtrigger.compiler.UpsertTriggerSql(func='RAISE EXCEPTION \'pgtrigger: Cannot update of "id", "created_at", "publication_id", "edition", "card_digest", "weights_digest" or delete rows from % table\', TG_TABLE_NAME;', hash='f8e5577ce04df3df33fa5d604d77f64a35372a3e', operation='UPDATE OF "id", "created_at", "publication_id", "edition", "card_digest", "weights_digest" OR DELETE', pgid='pgtrigger_immutable_a41b9', table='models_registry_publiccard', when='BEFORE')),
            ),
            pgtrigger.migrations.AddTrigger(
                model_name='reviewerkey',
                trigger=pgtrigger.compiler.Trigger(name='capture', sql=pgtrigger.compiler.UpsertTriggerSql(execute="core_capture('id', 'created_at', 'user_id', 'kind', 'public_key', 'revoked_at')", func='RETURN NULL;', hash='0c8925ea19b66ac801d7f72209966db8b661c5c2', operation='INSERT OR UPDATE OR DELETE', pgid='pgtrigger_capture_33e7b', table='models_registry_reviewerkey', when='AFTER')),
            ),
            pgtrigger.migrations.AddTrigger(
                model_name='reviewerkey',
                trigger=pgtrigger.compiler.Trigger(name='no_truncate', sql=pgtrigger.compiler.UpsertTriggerSql(func="RAISE EXCEPTION '% must not be truncated', TG_TABLE_NAME USING ERRCODE = 'restrict_violation';", hash='a96584ef4332f71fd78ef9fec6458d07aee060af', level='STATEMENT', operation='TRUNCATE', pgid='pgtrigger_no_truncate_09b05', table='models_registry_reviewerkey', when='BEFORE')),
            ),
            pgtrigger.migrations.AddTrigger(
                model_name='approvaldecision',
                trigger=pgtrigger.compiler.Trigger(name='capture', sql=pgtrigger.compiler.UpsertTriggerSql(execute="core_capture('id', 'created_at', 'request_id', 'decided_by_id', 'capacity', 'institution_id', 'decision', 'reason', 'content_digest', 'delegation_id', 'key_id', 'statement', 'signature', 'reason_salt')", func='RETURN NULL;', hash='8d38104bb9a43395165774174fd1fcf734a7970f', operation='INSERT OR UPDATE OR DELETE', pgid='pgtrigger_capture_70e78', table='models_registry_approvaldecision', when='AFTER')),
            ),
            pgtrigger.migrations.AddTrigger(
                model_name='approvaldecision',
                trigger=pgtrigger.compiler.Trigger(name='no_truncate', sql=pgtrigger.compiler.UpsertTriggerSql(func="RAISE EXCEPTION '% must not be truncated', TG_TABLE_NAME USING ERRCODE = 'restrict_violation';", hash='c620f15a64e781fd369d9ae95fefc3449a788eda', level='STATEMENT', operation='TRUNCATE', pgid='pgtrigger_no_truncate_3a697', table='models_registry_approvaldecision', when='BEFORE')),
            ),
            pgtrigger.migrations.AddTrigger(
                model_name='approvaldecision',
                trigger=pgtrigger.compiler.Trigger(name='four_eyes', sql=pgtrigger.compiler.UpsertTriggerSql(func="\nDECLARE\n    request models_registry_approvalrequest%ROWTYPE;\nBEGIN\n    SELECT * INTO request FROM models_registry_approvalrequest WHERE id = NEW.request_id FOR SHARE;\n    IF request.state <> 'under_review' THEN\n        RAISE EXCEPTION 'the request is %, only one under review can be decided', request.state\n            USING ERRCODE = 'check_violation';\n    END IF;\n    IF NEW.decided_by_id = request.requested_by_id OR NEW.requested_by_id <> request.requested_by_id THEN\n        RAISE EXCEPTION 'the requester must not decide' USING ERRCODE = 'check_violation';\n    END IF;\n    IF NEW.content_digest <> request.content_digest THEN\n        RAISE EXCEPTION 'the decision is on other content than the request' USING ERRCODE = 'check_violation';\n    END IF;\n    IF NEW.delegation_id IS NULL THEN\n        PERFORM 1 FROM accounts_membership m WHERE m.user_id = NEW.decided_by_id AND m.is_active\n            AND m.role = NEW.capacity AND m.institution_id IS NOT DISTINCT FROM NEW.institution_id;\n    ELSE\n        PERFORM 1 FROM models_registry_delegation g\n        JOIN accounts_membership o ON o.user_id = g.officer_id AND o.is_active AND o.role = 'ethics_officer'\n            AND o.institution_id = g.institution_id\n        JOIN accounts_membership d ON d.user_id = g.deputy_id AND d.is_active AND d.institution_id = g.institution_id\n        WHERE g.id = NEW.delegation_id AND g.deputy_id = NEW.decided_by_id AND g.institution_id = NEW.institution_id\n            AND NEW.capacity = 'ethics_officer' AND g.revoked_at IS NULL\n            AND clock_timestamp() BETWEEN g.starts_at AND g.ends_at;\n    END IF;\n    IF NOT FOUND THEN\n        RAISE EXCEPTION 'the decider does not hold the role % there', NEW.capacity USING ERRCODE = 'check_violation';\n    END IF;\n    IF request.expires_at <= clock_timestamp() THEN\n        RAISE EXCEPTION 'the request has expired' USING ERRCODE = 'check_violation';\n    END IF;\n    PERFORM 1 FROM models_registry_approvaldecision d LEFT JOIN models_registry_delegation g ON g.id = d.delegation_id\n    WHERE d.request_id = NEW.request_id AND (g.officer_id = NEW.decided_by_id OR d.decided_by_id = (\n        SELECT officer_id FROM models_registry_delegation WHERE id = NEW.delegation_id));\n    IF FOUND THEN\n        RAISE EXCEPTION 'an officer and their deputy decide once between them' USING ERRCODE = 'check_violation';\n    END IF;\n    IF NEW.key_id IS NULL THEN\n        PERFORM 1 FROM models_registry_reviewerkey k WHERE k.user_id = NEW.decided_by_id AND k.revoked_at IS NULL;\n        IF FOUND THEN\n            RAISE EXCEPTION 'the decider has a key, and the decision is not signed with it'\n                USING ERRCODE = 'check_violation';\n        END IF;\n    ELSE\n        PERFORM 1 FROM models_registry_reviewerkey k WHERE k.id = NEW.key_id AND k.user_id = NEW.decided_by_id\n            AND k.revoked_at IS NULL;\n        IF NOT FOUND THEN\n            RAISE EXCEPTION 'the key is not a live one of the decider' USING ERRCODE = 'check_violation';\n        END IF;\n        IF NEW.signature = '' OR NEW.statement = ''\n            OR NEW.statement::jsonb ->> 'content_digest' IS DISTINCT FROM NEW.content_digest\n            OR NEW.statement::jsonb ->> 'request' IS DISTINCT FROM NEW.request_id::text\n            OR NEW.statement::jsonb ->> 'decision' IS DISTINCT FROM NEW.decision\n            OR NEW.statement::jsonb ->> 'person' IS DISTINCT FROM NEW.decided_by_id::text THEN\n            RAISE EXCEPTION 'the statement that was signed is not of this decision' USING ERRCODE = 'check_violation';\n        END IF;\n    END IF;\n    RETURN NEW;\nEND;\n", hash='af08a5ae0e02b732059ef63b4ab12731d00333ba', operation='INSERT', pgid='pgtrigger_four_eyes_f77f1', table='models_registry_approvaldecision', when='BEFORE')),
            ),
            pgtrigger.migrations.AddTrigger(
                model_name='approvaldecision',
                trigger=pgtrigger.compiler.Trigger(name='immutable', sql=pgtrigger.compiler.UpsertTriggerSql(func="RAISE EXCEPTION 'pgtrigger: Cannot update or delete rows from % table', TG_TABLE_NAME;", hash='2c613582f491d23433aa453f6a8ff928826c8a5a', operation='UPDATE OR DELETE', pgid='pgtrigger_immutable_6e73c', table='models_registry_approvaldecision', when='BEFORE')),
            ),
            pgtrigger.migrations.AddTrigger(
                model_name='version',
                trigger=pgtrigger.compiler.Trigger(name='capture', sql=pgtrigger.compiler.UpsertTriggerSql(execute="core_capture('id', 'created_at', 'model_id', 'number', 'run_id', 'weights_digest', 'baseline_digest', 'config_hash', 'config', 'manifests', 'metrics', 'circuit')", func='RETURN NULL;', hash='5457e29c702085cca35572715b34b586cf3d4f12', operation='INSERT OR UPDATE OR DELETE', pgid='pgtrigger_capture_5f36a', table='models_registry_version', when='AFTER')),
            ),
            pgtrigger.migrations.AddTrigger(
                model_name='version',
                trigger=pgtrigger.compiler.Trigger(name='no_truncate', sql=pgtrigger.compiler.UpsertTriggerSql(func="RAISE EXCEPTION '% must not be truncated', TG_TABLE_NAME USING ERRCODE = 'restrict_violation';", hash='a9601db6aae0c49e7fb195f61019d89a6a7baa56', level='STATEMENT', operation='TRUNCATE', pgid='pgtrigger_no_truncate_4ae34', table='models_registry_version', when='BEFORE')),
            ),
            pgtrigger.migrations.AddTrigger(
                model_name='version',
                trigger=pgtrigger.compiler.Trigger(name='immutable', sql=pgtrigger.compiler.UpsertTriggerSql(func="RAISE EXCEPTION 'pgtrigger: Cannot update or delete rows from % table', TG_TABLE_NAME;", hash='f2451ba29f471ef37cca8ec47a617416ec9514d2', operation='UPDATE OR DELETE', pgid='pgtrigger_immutable_24cb1', table='models_registry_version', when='BEFORE')),
            ),
            pgtrigger.migrations.AddTrigger(
                model_name='modelsignature',
                trigger=pgtrigger.compiler.Trigger(name='capture', sql=pgtrigger.compiler.UpsertTriggerSql(execute="core_capture('id', 'created_at', 'version_id', 'bundle', 'public_key')", func='RETURN NULL;', hash='db918c7c0374b6e128ccf9fb5bee0341b7dc2d96', operation='INSERT OR UPDATE OR DELETE', pgid='pgtrigger_capture_387d1', table='models_registry_modelsignature', when='AFTER')),
            ),
            pgtrigger.migrations.AddTrigger(
                model_name='modelsignature',
                trigger=pgtrigger.compiler.Trigger(name='no_truncate', sql=pgtrigger.compiler.UpsertTriggerSql(func="RAISE EXCEPTION '% must not be truncated', TG_TABLE_NAME USING ERRCODE = 'restrict_violation';", hash='0779a64e055b91144f3386eb25ee0e33950cb5d3', level='STATEMENT', operation='TRUNCATE', pgid='pgtrigger_no_truncate_41ecf', table='models_registry_modelsignature', when='BEFORE')),
            ),
            pgtrigger.migrations.AddTrigger(
                model_name='modelsignature',
                trigger=pgtrigger.compiler.Trigger(name='immutable', sql=pgtrigger.compiler.UpsertTriggerSql(func="RAISE EXCEPTION 'pgtrigger: Cannot update or delete rows from % table', TG_TABLE_NAME;", hash='2dbcf6dc3ea639c569700020ce8e847bee517857', operation='UPDATE OR DELETE', pgid='pgtrigger_immutable_7273e', table='models_registry_modelsignature', when='BEFORE')),
            ),
            pgtrigger.migrations.AddTrigger(
                model_name='evidence',
                trigger=pgtrigger.compiler.Trigger(name='capture', sql=pgtrigger.compiler.UpsertTriggerSql(execute="core_capture('id', 'created_at', 'version_id', 'kind', 'source_id', 'verdict', 'digest', 'summary')", func='RETURN NULL;', hash='42881ad888ecfc3a5fe3f93686b75c68ad508483', operation='INSERT OR UPDATE OR DELETE', pgid='pgtrigger_capture_05810', table='models_registry_evidence', when='AFTER')),
            ),
            pgtrigger.migrations.AddTrigger(
                model_name='evidence',
                trigger=pgtrigger.compiler.Trigger(name='no_truncate', sql=pgtrigger.compiler.UpsertTriggerSql(func="RAISE EXCEPTION '% must not be truncated', TG_TABLE_NAME USING ERRCODE = 'restrict_violation';", hash='5a59c7ae365f958169dafbe54bf927053cfa07f6', level='STATEMENT', operation='TRUNCATE', pgid='pgtrigger_no_truncate_bdba8', table='models_registry_evidence', when='BEFORE')),
            ),
            pgtrigger.migrations.AddTrigger(
                model_name='deployment',
                trigger=pgtrigger.compiler.Trigger(name='capture', sql=pgtrigger.compiler.UpsertTriggerSql(execute="core_capture('id', 'created_at', 'version_id', 'approval_id', 'kind', 'name', 'policy', 'state', 'deployed_by_id')", func='RETURN NULL;', hash='f4abf116e7ea27555291d9231b747064f4619c45', operation='INSERT OR UPDATE OR DELETE', pgid='pgtrigger_capture_04d99', table='models_registry_deployment', when='AFTER')),
            ),
            pgtrigger.migrations.AddTrigger(
                model_name='deployment',
                trigger=pgtrigger.compiler.Trigger(name='no_truncate', sql=pgtrigger.compiler.UpsertTriggerSql(func="RAISE EXCEPTION '% must not be truncated', TG_TABLE_NAME USING ERRCODE = 'restrict_violation';", hash='743f6a7ad1af7210a36564ffccaa1948b13488ae', level='STATEMENT', operation='TRUNCATE', pgid='pgtrigger_no_truncate_db755', table='models_registry_deployment', when='BEFORE')),
            ),
            pgtrigger.migrations.AddTrigger(
                model_name='deployment',
                trigger=pgtrigger.compiler.Trigger(name='approved', sql=pgtrigger.compiler.UpsertTriggerSql(func="\nBEGIN\n    PERFORM 1 FROM models_registry_approvalrequest r\n    WHERE r.id = NEW.approval_id AND r.state = 'approved' AND r.kind = NEW.kind AND r.version_id = NEW.version_id;\n    IF NOT FOUND THEN\n        RAISE EXCEPTION 'a deployment needs an approved request of its own kind and version'\n            USING ERRCODE = 'check_violation';\n    END IF;\n    RETURN NEW;\nEND;\n", hash='8731377030b33257e0b0940537b0b6da33bdf4e0', operation='INSERT', pgid='pgtrigger_approved_75654', table='models_registry_deployment', when='BEFORE')),
            ),
        ]),
    ]
