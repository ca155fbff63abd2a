import core.fields
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
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        Together(operations=[
            migrations.CreateModel(
                name='DataManifest',
                fields=[
                    ('id', models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                    ('created_at', models.DateTimeField(default=django.utils.timezone.now, editable=False)),
                    ('digest', models.CharField(max_length=64)),
                    ('content', models.JSONField()),
                    ('participant', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='manifests', to='federation.participant')),
                ],
                options={
                    'ordering': ['-created_at'],
                    'constraints': [models.UniqueConstraint(fields=('participant', 'digest'), name='manifest_once')],
                },
            ),
            migrations.CreateModel(
                name='EngineState',
                fields=[
                    ('engine', models.CharField(max_length=10, primary_key=True, serialize=False)),
                    ('state', models.CharField(choices=[('missing', 'Not installed'), ('starting', 'Starting'), ('ready', 'Ready'), ('failed', 'Failed')], max_length=10)),
                    ('detail', models.TextField(blank=True)),
                    ('sites', models.JSONField(default=dict)),
                    ('at', models.DateTimeField()),
                ],
            ),
            migrations.CreateModel(
                name='Exclusion',
                fields=[
                    ('id', models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                    ('created_at', models.DateTimeField(default=django.utils.timezone.now, editable=False)),
                    ('phase', models.CharField(choices=[('train', 'Training'), ('evaluate', 'Scoring')], max_length=10)),
                    ('kind', models.CharField(choices=[('failed', 'The site failed'), ('refused', 'Refused'), ('late', 'Too late'), ('late_answer', 'Came after the deadline'), ('message', 'Message refused'), ('not_chosen', 'Not chosen by the rule')], max_length=12)),
                    ('reason', models.TextField()),
                    ('message_digest', models.CharField(blank=True, max_length=64)),
                    ('participant', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='exclusions', to='federation.participant')),
                    ('round', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='exclusions', to='federation.round')),
                ],
                options={
                    'ordering': ['created_at'],
                    'constraints': [models.UniqueConstraint(fields=('round', 'participant', 'phase', 'kind'), name='exclusion_once')],
                },
            ),
            migrations.CreateModel(
                name='Federation',
                fields=[
                    ('id', models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                    ('created_at', models.DateTimeField(default=django.utils.timezone.now, editable=False)),
                    ('name', models.CharField(max_length=120, unique=True)),
                    ('purpose', models.TextField()),
                    ('data_title', models.CharField(max_length=200)),
                    ('task', models.CharField(max_length=20)),
                    ('synthetic', models.BooleanField(default=False)),
                ],
                options={
                    'ordering': ['name'],
                },
            ),
            migrations.CreateModel(
                name='FederationAgreement',
                fields=[
                    ('id', models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                    ('created_at', models.DateTimeField(default=django.utils.timezone.now, editable=False)),
                    ('role', models.CharField(choices=[('controller', 'Controller'), ('joint_controller', 'Joint controller'), ('processor', 'Processor')], max_length=20)),
                    ('liability', models.TextField()),
                    ('contact', core.fields.SealedTextField(subject='recorded_by_id')),
                    ('signed_on', models.DateField()),
                    ('ends_on', models.DateField(null=True)),
                    ('document_hash', models.CharField(max_length=64)),
                    ('recorded_by', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                    ('participant', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='agreements', to='federation.participant')),
                ],
                options={
                    'ordering': ['-signed_on', '-created_at'],
                    'constraints': [models.CheckConstraint(condition=models.Q(('ends_on__isnull', True), ('ends_on__gte', models.F('signed_on')), _connector='OR'), name='agreement_ends_after_it_began')],
                },
            ),
            migrations.CreateModel(
                name='InfluenceStudy',
                fields=[
                    ('id', models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                    ('created_at', models.DateTimeField(default=django.utils.timezone.now, editable=False)),
                    ('rounds', models.PositiveIntegerField()),
                    ('rounds_done', models.PositiveIntegerField(default=0)),
                    ('result', models.JSONField(null=True)),
                    ('error', models.TextField(blank=True)),
                    ('finished_at', models.DateTimeField(null=True)),
                    ('requested_by', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                    ('run', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='influence_studies', to='federation.trainingrun')),
                ],
                options={
                    'ordering': ['-created_at'],
                },
            ),
            migrations.CreateModel(
                name='OrderTraffic',
                fields=[
                    ('id', models.BigAutoField(primary_key=True, serialize=False)),
                    ('from_site', models.BooleanField()),
                    ('n_bytes', models.PositiveBigIntegerField()),
                    ('at', models.DateTimeField(default=django.utils.timezone.now)),
                    ('order', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='traffic', to='federation.siteorder')),
                ],
                options={
                    'ordering': ['id'],
                },
            ),
            migrations.CreateModel(
                name='Participant',
                fields=[
                    ('id', models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                    ('created_at', models.DateTimeField(default=django.utils.timezone.now, editable=False)),
                    ('site', models.SlugField(max_length=40)),
                    ('public_key', models.TextField()),
                    ('is_active', models.BooleanField(default=True)),
                    ('last_seen_at', models.DateTimeField(null=True)),
                    ('federation', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='participants', to='federation.federation')),
                    ('institution', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='participations', to='accounts.institution')),
                ],
                options={
                    'ordering': ['site'],
                    'constraints': [models.UniqueConstraint(fields=('federation', 'institution'), name='participant_once'), models.UniqueConstraint(fields=('federation', 'site'), name='participant_site_once')],
                },
            ),
            migrations.CreateModel(
                name='PrivacyBudget',
                fields=[
                    ('id', models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                    ('created_at', models.DateTimeField(default=django.utils.timezone.now, editable=False)),
                    ('data_set', models.CharField(max_length=80)),
                    ('epsilon', models.FloatField()),
                    ('delta', models.FloatField()),
                    ('reason', core.fields.SealedTextField(blank=True, subject='set_by_id')),
                    ('institution', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='privacy_budgets', to='accounts.institution')),
                    ('set_by', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                ],
                options={
                    'ordering': ['-created_at'],
                    'constraints': [models.CheckConstraint(condition=models.Q(('delta__gt', 0), ('delta__lt', 1), ('epsilon__gt', 0)), name='privacy_budget_range')],
                },
            ),
            migrations.CreateModel(
                name='PrivacyCharge',
                fields=[
                    ('id', models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                    ('created_at', models.DateTimeField(default=django.utils.timezone.now, editable=False)),
                    ('spends', models.JSONField(null=True)),
                    ('reported', models.BooleanField(default=False)),
                    ('reservation', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='charges', to='federation.privacyreservation')),
                    ('round', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='charges', to='federation.round')),
                ],
                options={
                    'ordering': ['created_at'],
                    'constraints': [models.UniqueConstraint(fields=('reservation', 'round'), name='charge_once')],
                },
            ),
            migrations.CreateModel(
                name='PrivacyReservation',
                fields=[
                    ('id', models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                    ('created_at', models.DateTimeField(default=django.utils.timezone.now, editable=False)),
                    ('data_set', models.CharField(max_length=80)),
                    ('round_spends', models.JSONField(null=True)),
                    ('released_at', models.DateTimeField(null=True)),
                    ('participant', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='reservations', to='federation.participant')),
                    ('run', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='reservations', to='federation.trainingrun')),
                ],
                options={
                    'ordering': ['created_at'],
                    'constraints': [models.UniqueConstraint(fields=('run', 'participant'), name='reservation_once')],
                },
            ),
            migrations.CreateModel(
                name='QkdCheck',
                fields=[
                    ('id', models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                    ('created_at', models.DateTimeField(default=django.utils.timezone.now, editable=False)),
                    ('state', models.CharField(choices=[('up', 'Up'), ('no_key', 'No key'), ('down', 'Down'), ('unconfigured', 'Not configured')], max_length=12)),
                    ('simulated', models.BooleanField(null=True)),
                    ('qber', models.FloatField(null=True)),
                    ('qber_upper', models.FloatField(null=True)),
                    ('secure_bits', models.PositiveIntegerField(null=True)),
                    ('rate', models.FloatField(null=True)),
                    ('stored_keys', models.PositiveIntegerField(null=True)),
                    ('max_keys', models.PositiveIntegerField(null=True)),
                    ('key_size', models.PositiveIntegerField(null=True)),
                    ('reason', models.TextField(blank=True)),
                    ('message_digest', models.CharField(max_length=64)),
                    ('participant', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='qkd_checks', to='federation.participant')),
                    ('peer', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to='federation.participant')),
                ],
                options={
                    'ordering': ['-created_at'],
                    'indexes': [models.Index(fields=['participant', 'peer', '-created_at'], name='qkd_newest')],
                },
            ),
            migrations.CreateModel(
                name='QkdRehearsal',
                fields=[
                    ('id', models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                    ('created_at', models.DateTimeField(default=django.utils.timezone.now, editable=False)),
                    ('loss', models.FloatField()),
                    ('error', models.FloatField()),
                    ('steps', models.JSONField(null=True)),
                    ('finished_at', models.DateTimeField(null=True)),
                    ('federation', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='qkd_rehearsals', to='federation.federation')),
                    ('requested_by', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                ],
                options={
                    'ordering': ['-created_at'],
                },
            ),
            migrations.CreateModel(
                name='QuantumJob',
                fields=[
                    ('id', models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                    ('created_at', models.DateTimeField(default=django.utils.timezone.now, editable=False)),
                    ('device', models.CharField(max_length=40)),
                    ('purpose', models.CharField(choices=[('evaluation', 'Evaluate a model'), ('readout', 'Measure the readout error'), ('quantum_volume', 'Measure the quantum volume')], max_length=20)),
                    ('qubits', models.PositiveIntegerField()),
                    ('circuits', models.PositiveIntegerField()),
                    ('shots', models.PositiveIntegerField()),
                    ('estimate', models.JSONField()),
                    ('cost', models.DecimalField(decimal_places=4, max_digits=12, null=True)),
                    ('cost_limit', models.DecimalField(decimal_places=4, max_digits=12, null=True)),
                    ('min_quantum_volume', models.PositiveIntegerField(null=True)),
                    ('state', models.CharField(choices=[('queued', 'Queued'), ('submitted', 'Submitted'), ('running', 'Running'), ('finished', 'Finished'), ('failed', 'Failed'), ('cancelled', 'Cancelled')], default='queued', max_length=10)),
                    ('machine', models.CharField(blank=True, max_length=80)),
                    ('provider_tasks', models.JSONField(default=list)),
                    ('note', models.TextField(blank=True)),
                    ('polled_at', models.DateTimeField(null=True)),
                    ('submitted_at', models.DateTimeField(null=True)),
                    ('finished_at', models.DateTimeField(null=True)),
                    ('result', models.JSONField(null=True)),
                    ('result_digest', models.CharField(blank=True, max_length=64)),
                    ('error', models.TextField(blank=True)),
                    ('cancelled_by', models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                    ('consent', models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='jobs', to='federation.deviceconsent')),
                    ('health_check', models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='federation.quantumjob')),
                    ('institution', models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='accounts.institution')),
                    ('participant', models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='quantum_jobs', to='federation.participant')),
                    ('requested_by', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                    ('retry_of', models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='retries', to='federation.quantumjob')),
                    ('run', models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='quantum_jobs', to='federation.trainingrun')),
                ],
                options={
                    'ordering': ['-created_at'],
                    'indexes': [models.Index(fields=['device', 'purpose', '-finished_at'], name='quantum_health')],
                    'constraints': [models.CheckConstraint(condition=models.Q(models.Q(('participant__isnull', False), ('purpose', 'evaluation'), ('run__isnull', False)), models.Q(models.Q(('purpose', 'evaluation'), _negated=True), ('participant__isnull', True), ('run__isnull', True)), _connector='OR'), name='quantum_job_subject')],
                },
            ),
            migrations.CreateModel(
                name='QuantumLimit',
                fields=[
                    ('id', models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                    ('created_at', models.DateTimeField(default=django.utils.timezone.now, editable=False)),
                    ('shots_per_month', models.PositiveBigIntegerField()),
                    ('cost_per_month', models.DecimalField(decimal_places=2, max_digits=12)),
                    ('institution', models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='quantum_limits', to='accounts.institution')),
                    ('set_by', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                ],
                options={
                    'ordering': ['-created_at'],
                },
            ),
            migrations.CreateModel(
                name='Reconsideration',
                fields=[
                    ('id', models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                    ('created_at', models.DateTimeField(default=django.utils.timezone.now, editable=False)),
                    ('cause', models.CharField(choices=[('withdrawal', 'An institution withdrew its consent'), ('opt_out', 'A patient opted out')], max_length=10)),
                    ('due_at', models.DateTimeField()),
                    ('choice', models.CharField(blank=True, choices=[('retrain', 'Retrain without these data'), ('retire', 'Retire what the run made')], max_length=10)),
                    ('reason', core.fields.SealedTextField(blank=True, subject='decided_by_id')),
                    ('decided_at', models.DateTimeField(null=True)),
                    ('decided_by', models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                    ('opened_by', models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                    ('participant', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to='federation.participant')),
                    ('run', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='reconsiderations', to='federation.trainingrun')),
                ],
                options={
                    'ordering': ['due_at'],
                    'constraints': [models.UniqueConstraint(condition=models.Q(('decided_at__isnull', True)), fields=('run', 'participant', 'cause'), name='reconsidered_once'), models.CheckConstraint(condition=models.Q(models.Q(('choice', ''), ('decided_at__isnull', True), ('decided_by__isnull', True)), models.Q(models.Q(('choice', ''), _negated=True), ('decided_at__isnull', False), ('decided_by__isnull', False)), _connector='OR'), name='reconsideration_decided_whole'), models.CheckConstraint(condition=models.Q(('opened_by__isnull', True), ('decided_by__isnull', True), models.Q(('opened_by', models.F('decided_by')), _negated=True), _connector='OR'), name='who_withdrew_does_not_decide')],
                },
            ),
            migrations.CreateModel(
                name='RefusedEnvelope',
                fields=[
                    ('id', models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                    ('created_at', models.DateTimeField(default=django.utils.timezone.now, editable=False)),
                    ('kind', models.CharField(max_length=30)),
                    ('reason', models.TextField()),
                    ('digest', models.CharField(max_length=64)),
                    ('participant', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='refused_envelopes', to='federation.participant')),
                    ('run', models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='refused_envelopes', to='federation.trainingrun')),
                ],
                options={
                    'ordering': ['-created_at'],
                    'constraints': [models.UniqueConstraint(fields=('participant', 'digest'), name='refused_once')],
                },
            ),
            migrations.CreateModel(
                name='Round',
                fields=[
                    ('id', models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                    ('created_at', models.DateTimeField(default=django.utils.timezone.now, editable=False)),
                    ('number', models.PositiveIntegerField()),
                    ('state', models.CharField(choices=[('training', 'Training'), ('evaluating', 'Evaluating'), ('done', 'Done'), ('cancelled', 'Cancelled'), ('discarded', 'Discarded')], default='training', max_length=10)),
                    ('start_weights', models.JSONField()),
                    ('weights', models.JSONField(default=dict)),
                    ('metrics', models.JSONField(default=dict)),
                    ('finished_at', models.DateTimeField(null=True)),
                    ('run', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='rounds', to='federation.trainingrun')),
                ],
                options={
                    'ordering': ['run', 'number'],
                    'constraints': [models.UniqueConstraint(fields=('run', 'number'), name='round_once')],
                },
            ),
            migrations.CreateModel(
                name='RoundTraffic',
                fields=[
                    ('id', models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                    ('created_at', models.DateTimeField(default=django.utils.timezone.now, editable=False)),
                    ('bytes_to_sites', models.PositiveBigIntegerField()),
                    ('bytes_from_sites', models.PositiveBigIntegerField()),
                    ('float32_bytes', models.PositiveBigIntegerField()),
                    ('round', models.OneToOneField(on_delete=django.db.models.deletion.PROTECT, related_name='traffic', to='federation.round')),
                ],
                options={
                    'ordering': ['round'],
                },
            ),
            migrations.CreateModel(
                name='RuleMemory',
                fields=[
                    ('id', models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                    ('created_at', models.DateTimeField(default=django.utils.timezone.now, editable=False)),
                    ('weights', models.JSONField()),
                    ('round', models.OneToOneField(on_delete=django.db.models.deletion.PROTECT, related_name='memory', to='federation.round')),
                ],
            ),
            migrations.CreateModel(
                name='RunEngine',
                fields=[
                    ('id', models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                    ('created_at', models.DateTimeField(default=django.utils.timezone.now, editable=False)),
                    ('engine', models.CharField(choices=[('local', "Local: persistent workers on the platform's broker"), ('flare', 'NVIDIA FLARE: one persistent client a hospital')], max_length=10)),
                    ('run', models.OneToOneField(on_delete=django.db.models.deletion.PROTECT, related_name='engine', to='federation.trainingrun')),
                ],
                options={
                    'ordering': ['created_at'],
                },
            ),
            migrations.CreateModel(
                name='RunEvent',
                fields=[
                    ('id', models.BigAutoField(primary_key=True, serialize=False)),
                    ('at', models.DateTimeField(default=django.utils.timezone.now)),
                    ('kind', models.CharField(max_length=30)),
                    ('site', models.CharField(blank=True, max_length=40)),
                    ('text', models.TextField(blank=True)),
                    ('data', models.JSONField(default=dict)),
                    ('run', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='events', to='federation.trainingrun')),
                ],
                options={
                    'ordering': ['id'],
                    'indexes': [models.Index(fields=['run', 'id'], name='federation__run_id_a6f10c_idx')],
                },
            ),
            migrations.CreateModel(
                name='SiteCertificate',
                fields=[
                    ('id', models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                    ('created_at', models.DateTimeField(default=django.utils.timezone.now, editable=False)),
                    ('content', models.JSONField()),
                    ('signature', models.TextField()),
                    ('not_after', models.DateTimeField()),
                    ('participant', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='certificates', to='federation.participant')),
                ],
                options={
                    'ordering': ['-created_at'],
                },
            ),
            migrations.CreateModel(
                name='SiteInvitation',
                fields=[
                    ('id', models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                    ('created_at', models.DateTimeField(default=django.utils.timezone.now, editable=False)),
                    ('site', models.SlugField(max_length=40)),
                    ('token_digest', models.CharField(max_length=64)),
                    ('expires_at', models.DateTimeField()),
                    ('state', models.CharField(choices=[('open', 'Open'), ('joined', 'Joined'), ('revoked', 'Revoked'), ('expired', 'Expired')], default='open', max_length=10)),
                    ('public_key', models.TextField(blank=True)),
                    ('password_digest', models.CharField(blank=True, max_length=64)),
                    ('ended_at', models.DateTimeField(null=True)),
                    ('federation', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='invitations', to='federation.federation')),
                    ('institution', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to='accounts.institution')),
                    ('invited_by', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                ],
                options={
                    'ordering': ['-created_at'],
                    'constraints': [models.UniqueConstraint(condition=models.Q(('state', 'open')), fields=('federation', 'site'), name='invitation_open_once')],
                },
            ),
            migrations.CreateModel(
                name='SiteOrder',
                fields=[
                    ('id', models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                    ('kind', models.CharField(max_length=30)),
                    ('key', models.CharField(max_length=200)),
                    ('subject', models.UUIDField()),
                    ('body', models.JSONField()),
                    ('attachments', models.JSONField(default=dict)),
                    ('state', models.CharField(choices=[('pending', 'Pending'), ('answered', 'Answered'), ('failed', 'Failed'), ('cancelled', 'Cancelled')], default='pending', max_length=10)),
                    ('sends', models.PositiveIntegerField(default=0)),
                    ('created_at', models.DateTimeField(default=django.utils.timezone.now)),
                    ('last_contact_at', models.DateTimeField(default=django.utils.timezone.now)),
                    ('answered_at', models.DateTimeField(null=True)),
                    ('answer', models.JSONField(null=True)),
                    ('answer_attachments', models.JSONField(default=dict)),
                    ('answer_digest', models.CharField(blank=True, max_length=64)),
                    ('signature', models.TextField(blank=True)),
                    ('error', models.TextField(blank=True)),
                    ('participant', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='orders', to='federation.participant')),
                ],
                options={
                    'ordering': ['created_at'],
                    'indexes': [models.Index(condition=models.Q(('state', 'pending')), fields=['last_contact_at'], name='order_pending'), models.Index(fields=['subject', 'kind'], name='federation__subject_c2ce68_idx')],
                    'constraints': [models.UniqueConstraint(fields=('participant', 'key'), name='order_once')],
                },
            ),
            migrations.CreateModel(
                name='SitePass',
                fields=[
                    ('id', models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                    ('created_at', models.DateTimeField(default=django.utils.timezone.now, editable=False)),
                    ('kind', models.CharField(choices=[('door', 'Door to the broker'), ('flare', 'NVIDIA FLARE')], max_length=10)),
                    ('fingerprint', models.CharField(max_length=64)),
                    ('not_after', models.DateTimeField()),
                    ('handed_at', models.DateTimeField(null=True)),
                    ('revoked_at', models.DateTimeField(null=True)),
                    ('handed_to', models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                    ('participant', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='passes', to='federation.participant')),
                    ('revoked_by', models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                ],
                options={
                    'ordering': ['-created_at'],
                    'constraints': [models.UniqueConstraint(fields=('fingerprint',), name='pass_once')],
                },
            ),
            migrations.CreateModel(
                name='SiteSoftware',
                fields=[
                    ('id', models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                    ('created_at', models.DateTimeField(default=django.utils.timezone.now, editable=False)),
                    ('version', models.CharField(max_length=40)),
                    ('engine', models.CharField(max_length=40)),
                    ('handlers', models.JSONField()),
                    ('reported_at', models.DateTimeField()),
                    ('participant', models.OneToOneField(on_delete=django.db.models.deletion.PROTECT, related_name='software', to='federation.participant')),
                ],
            ),
            migrations.CreateModel(
                name='SiteUpdate',
                fields=[
                    ('id', models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                    ('created_at', models.DateTimeField(default=django.utils.timezone.now, editable=False)),
                    ('weights', models.JSONField()),
                    ('n_records', models.PositiveIntegerField()),
                    ('metrics', models.JSONField(default=dict)),
                    ('message_digest', models.CharField(max_length=64)),
                    ('signature', models.TextField()),
                    ('participant', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='updates', to='federation.participant')),
                    ('round', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='updates', to='federation.round')),
                ],
                options={
                    'ordering': ['round', 'participant'],
                    'constraints': [models.UniqueConstraint(fields=('round', 'participant'), name='update_once')],
                },
            ),
            migrations.CreateModel(
                name='TrainingRun',
                fields=[
                    ('id', models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                    ('created_at', models.DateTimeField(default=django.utils.timezone.now, editable=False)),
                    ('name', models.CharField(max_length=120)),
                    ('config', models.JSONField()),
                    ('config_hash', models.CharField(max_length=64)),
                    ('state', models.CharField(choices=[('proposed', 'Proposed'), ('approved', 'Approved'), ('running', 'Running'), ('paused', 'Paused'), ('finished', 'Finished'), ('aborted', 'Aborted'), ('failed', 'Failed')], default='proposed', max_length=10)),
                    ('started_at', models.DateTimeField(null=True)),
                    ('finished_at', models.DateTimeField(null=True)),
                    ('stop_reason', core.fields.SealedTextField(blank=True, subject='stopped_by_id')),
                    ('federation', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='runs', to='federation.federation')),
                    ('requested_by', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                    ('stopped_by', models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                ],
                options={
                    'ordering': ['-created_at'],
                },
            ),
            migrations.CreateModel(
                name='Consent',
                fields=[
                    ('id', models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                    ('created_at', models.DateTimeField(default=django.utils.timezone.now, editable=False)),
                    ('config_hash', models.CharField(max_length=64)),
                    ('decision', models.CharField(choices=[('given', 'Given'), ('refused', 'Refused'), ('withdrawn', 'Withdrawn')], max_length=10)),
                    ('capacity', models.CharField(choices=[('operator', 'Site operator'), ('officer', 'Ethics officer'), ('site', "The site's worker")], default='operator', max_length=10)),
                    ('reason', core.fields.SealedTextField(blank=True, subject='decided_by_id')),
                    ('statement', models.JSONField(default=dict)),
                    ('decided_by', models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                    ('participant', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='consents', to='federation.participant')),
                    ('run', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='consents', to='federation.trainingrun')),
                ],
                options={
                    'ordering': ['created_at'],
                    'constraints': [models.CheckConstraint(condition=models.Q(models.Q(('capacity', 'site'), ('decided_by__isnull', True)), models.Q(models.Q(('capacity', 'site'), _negated=True), ('decided_by__isnull', False)), _connector='OR'), name='consent_is_a_persons_or_the_sites')],
                },
            ),
            migrations.CreateModel(
                name='ContributionStudy',
                fields=[
                    ('id', models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                    ('created_at', models.DateTimeField(default=django.utils.timezone.now, editable=False)),
                    ('result', models.JSONField(null=True)),
                    ('error', models.TextField(blank=True)),
                    ('finished_at', models.DateTimeField(null=True)),
                    ('requested_by', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                    ('run', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='contribution_studies', to='federation.trainingrun')),
                ],
                options={
                    'ordering': ['-created_at'],
                },
            ),
            migrations.CreateModel(
                name='DeviceConsent',
                fields=[
                    ('id', models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                    ('created_at', models.DateTimeField(default=django.utils.timezone.now, editable=False)),
                    ('device', models.CharField(max_length=40)),
                    ('config_hash', models.CharField(max_length=64)),
                    ('decision', models.CharField(choices=[('given', 'Given'), ('refused', 'Refused'), ('withdrawn', 'Withdrawn')], max_length=10)),
                    ('reason', core.fields.SealedTextField(blank=True, subject='decided_by_id')),
                    ('decided_by', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                    ('participant', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='device_consents', to='federation.participant')),
                    ('run', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='device_consents', to='federation.trainingrun')),
                ],
                options={
                    'ordering': ['created_at'],
                },
            ),
            migrations.CreateModel(
                name='FeatureStudy',
                fields=[
                    ('id', models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                    ('created_at', models.DateTimeField(default=django.utils.timezone.now, editable=False)),
                    ('question', models.JSONField()),
                    ('epsilon', models.FloatField()),
                    ('delta', models.FloatField()),
                    ('result', models.JSONField(null=True)),
                    ('finished_at', models.DateTimeField(null=True)),
                    ('requested_by', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                    ('federation', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='feature_studies', to='federation.federation')),
                ],
                options={
                    'ordering': ['-created_at'],
                },
            ),
            migrations.CreateModel(
                name='FeatureCharge',
                fields=[
                    ('id', models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                    ('created_at', models.DateTimeField(default=django.utils.timezone.now, editable=False)),
                    ('data_set', models.CharField(max_length=80)),
                    ('spend', models.JSONField()),
                    ('study', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='charges', to='federation.featurestudy')),
                    ('participant', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='feature_charges', to='federation.participant')),
                ],
                options={
                    'ordering': ['created_at'],
                    'constraints': [models.UniqueConstraint(fields=('study', 'participant'), name='feature_charge_once')],
                },
            ),
            pgtrigger.migrations.AddTrigger(
                model_name='datamanifest',
                trigger=pgtrigger.compiler.Trigger(name='capture', sql=pgtrigger.compiler.UpsertTriggerSql(execute="core_capture('id', 'created_at', 'participant_id', 'digest', 'content')", func='RETURN NULL;', hash='a578a2ed70f4370ed9757849a72ed3a4a4aacfd0', operation='INSERT OR UPDATE OR DELETE', pgid='pgtrigger_capture_83d7b', table='federation_datamanifest', when='AFTER')),
            ),
            pgtrigger.migrations.AddTrigger(
                model_name='datamanifest',
                trigger=pgtrigger.compiler.Trigger(name='no_truncate', sql=pgtrigger.compiler.UpsertTriggerSql(func="RAISE EXCEPTION '% must not be truncated', TG_TABLE_NAME USING ERRCODE = 'restrict_violation';", hash='e27d4f1fd281b9db469de3078ba8967e2047f9b9', level='STATEMENT', operation='TRUNCATE', pgid='pgtrigger_no_truncate_c0d28', table='federation_datamanifest', when='BEFORE')),
            ),
            pgtrigger.migrations.AddTrigger(
                model_name='exclusion',
                trigger=pgtrigger.compiler.Trigger(name='capture', sql=pgtrigger.compiler.UpsertTriggerSql(execute="core_capture('id', 'created_at', 'round_id', 'participant_id', 'phase', 'kind', 'reason', 'message_digest')", func='RETURN NULL;', hash='4322a972a3183aef7b97c31f88daa17a79c81e5c', operation='INSERT OR UPDATE OR DELETE', pgid='pgtrigger_capture_d75e4', table='federation_exclusion', when='AFTER')),
            ),
            pgtrigger.migrations.AddTrigger(
                model_name='exclusion',
                trigger=pgtrigger.compiler.Trigger(name='no_truncate', sql=pgtrigger.compiler.UpsertTriggerSql(func="RAISE EXCEPTION '% must not be truncated', TG_TABLE_NAME USING ERRCODE = 'restrict_violation';", hash='6c22c005e0868f04fe566c2d7054d06c0b66f8f1', level='STATEMENT', operation='TRUNCATE', pgid='pgtrigger_no_truncate_9e604', table='federation_exclusion', when='BEFORE')),
            ),
            pgtrigger.migrations.AddTrigger(
                model_name='federation',
                trigger=pgtrigger.compiler.Trigger(name='capture', sql=pgtrigger.compiler.UpsertTriggerSql(execute="core_capture('id', 'created_at', 'name', 'purpose', 'data_title', 'task', 'synthetic')", func='RETURN NULL;', hash='f45c6f7886f8efe64aaddca89b13c50860beb609', operation='INSERT OR UPDATE OR DELETE', pgid='pgtrigger_capture_c9594', table='federation_federation', when='AFTER')),
            ),
            pgtrigger.migrations.AddTrigger(
                model_name='federation',
                trigger=pgtrigger.compiler.Trigger(name='no_truncate', sql=pgtrigger.compiler.UpsertTriggerSql(func="RAISE EXCEPTION '% must not be truncated', TG_TABLE_NAME USING ERRCODE = 'restrict_violation';", hash='8d2ef529aed4963fc7ee403745803481c3d4895c', level='STATEMENT', operation='TRUNCATE', pgid='pgtrigger_no_truncate_4a1e4', table='federation_federation', when='BEFORE')),
            ),
            pgtrigger.migrations.AddTrigger(
                model_name='federationagreement',
                trigger=pgtrigger.compiler.Trigger(name='capture', sql=pgtrigger.compiler.UpsertTriggerSql(execute="core_capture('id', 'created_at', 'participant_id', 'role', 'liability', 'contact', 'signed_on', 'ends_on', 'document_hash', 'recorded_by_id')", func='RETURN NULL;', hash='0bf4185f82587e027d42f8dde54739091fdf18eb', operation='INSERT OR UPDATE OR DELETE', pgid='pgtrigger_capture_2291a', table='federation_federationagreement', when='AFTER')),
            ),
            pgtrigger.migrations.AddTrigger(
                model_name='federationagreement',
                trigger=pgtrigger.compiler.Trigger(name='no_truncate', sql=pgtrigger.compiler.UpsertTriggerSql(func="RAISE EXCEPTION '% must not be truncated', TG_TABLE_NAME USING ERRCODE = 'restrict_violation';", hash='29855d6faee7a0f87ccde9f72f8d21a3c37a3632', level='STATEMENT', operation='TRUNCATE', pgid='pgtrigger_no_truncate_a4d64', table='federation_federationagreement', when='BEFORE')),
            ),
            pgtrigger.migrations.AddTrigger(
                model_name='influencestudy',
                trigger=pgtrigger.compiler.Trigger(name='capture', sql=pgtrigger.compiler.UpsertTriggerSql(execute="core_capture('id', 'created_at', 'run_id', 'rounds', 'result', 'error', 'requested_by_id', 'finished_at')", func='RETURN NULL;', hash='3b4bcb358a464852820f8bfa32a37e9c2fd9deb1', operation='INSERT OR UPDATE OR DELETE', pgid='pgtrigger_capture_34dcf', table='federation_influencestudy', when='AFTER')),
            ),
            pgtrigger.migrations.AddTrigger(
                model_name='influencestudy',
                trigger=pgtrigger.compiler.Trigger(name='no_truncate', sql=pgtrigger.compiler.UpsertTriggerSql(func="RAISE EXCEPTION '% must not be truncated', TG_TABLE_NAME USING ERRCODE = 'restrict_violation';", hash='c6775e4fb244ccadeb59c572b7464561051f5a13', level='STATEMENT', operation='TRUNCATE', pgid='pgtrigger_no_truncate_98ec7', table='federation_influencestudy', when='BEFORE')),
            ),
            pgtrigger.migrations.AddTrigger(
                model_name='participant',
                trigger=pgtrigger.compiler.Trigger(name='capture', sql=pgtrigger.compiler.UpsertTriggerSql(execute="core_capture('id', 'created_at', 'federation_id', 'institution_id', 'site', 'public_key', 'is_active')", func='RETURN NULL;', hash='fc8ebfccc380ec652a3307fbe62da4b940839b1a', operation='INSERT OR UPDATE OR DELETE', pgid='pgtrigger_capture_64b3e', table='federation_participant', when='AFTER')),
            ),
            pgtrigger.migrations.AddTrigger(
                model_name='participant',
                trigger=pgtrigger.compiler.Trigger(name='no_truncate', sql=pgtrigger.compiler.UpsertTriggerSql(func="RAISE EXCEPTION '% must not be truncated', TG_TABLE_NAME USING ERRCODE = 'restrict_violation';", hash='6c627ba4c8531a2575a2ed0ab4acc00a67147908', level='STATEMENT', operation='TRUNCATE', pgid='pgtrigger_no_truncate_f293c', table='federation_participant', when='BEFORE')),
            ),
            pgtrigger.migrations.AddTrigger(
                model_name='privacybudget',
                trigger=pgtrigger.compiler.Trigger(name='capture', sql=pgtrigger.compiler.UpsertTriggerSql(execute="core_capture('id', 'created_at', 'institution_id', 'data_set', 'epsilon', 'delta', 'reason', 'set_by_id')", func='RETURN NULL;', hash='0067fac07f4dba7711cd55e0d3f0f5242862f1de', operation='INSERT OR UPDATE OR DELETE', pgid='pgtrigger_capture_dc890', table='federation_privacybudget', when='AFTER')),
            ),
            pgtrigger.migrations.AddTrigger(
                model_name='privacybudget',
                trigger=pgtrigger.compiler.Trigger(name='no_truncate', sql=pgtrigger.compiler.UpsertTriggerSql(func="RAISE EXCEPTION '% must not be truncated', TG_TABLE_NAME USING ERRCODE = 'restrict_violation';", hash='be4821109685757c0c8f393d075e5d69410fcf19', level='STATEMENT', operation='TRUNCATE', pgid='pgtrigger_no_truncate_924bb', table='federation_privacybudget', when='BEFORE')),
            ),
            pgtrigger.migrations.AddTrigger(
                model_name='privacycharge',
                trigger=pgtrigger.compiler.Trigger(name='capture', sql=pgtrigger.compiler.UpsertTriggerSql(execute="core_capture('id', 'created_at', 'reservation_id', 'round_id', 'spends', 'reported')", func='RETURN NULL;', hash='1251431d7efc564583d59747fd9b27659c5a8027', operation='INSERT OR UPDATE OR DELETE', pgid='pgtrigger_capture_833ec', table='federation_privacycharge', when='AFTER')),
            ),
            pgtrigger.migrations.AddTrigger(
                model_name='privacycharge',
                trigger=pgtrigger.compiler.Trigger(name='no_truncate', sql=pgtrigger.compiler.UpsertTriggerSql(func="RAISE EXCEPTION '% must not be truncated', TG_TABLE_NAME USING ERRCODE = 'restrict_violation';", hash='7c4ded110f48dd5f30349516ef0db17fd9e42422', level='STATEMENT', operation='TRUNCATE', pgid='pgtrigger_no_truncate_62143', table='federation_privacycharge', when='BEFORE')),
            ),
            pgtrigger.migrations.AddTrigger(
                model_name='privacyreservation',
                trigger=pgtrigger.compiler.Trigger(name='capture', sql=pgtrigger.compiler.UpsertTriggerSql(execute="core_capture('id', 'created_at', 'run_id', 'participant_id', 'data_set', 'round_spends', 'released_at')", func='RETURN NULL;', hash='746e39a03bca06bf5a3ec37586f33d89efdfea86', operation='INSERT OR UPDATE OR DELETE', pgid='pgtrigger_capture_21654', table='federation_privacyreservation', when='AFTER')),
            ),
            pgtrigger.migrations.AddTrigger(
                model_name='privacyreservation',
                trigger=pgtrigger.compiler.Trigger(name='no_truncate', sql=pgtrigger.compiler.UpsertTriggerSql(func="RAISE EXCEPTION '% must not be truncated', TG_TABLE_NAME USING ERRCODE = 'restrict_violation';", hash='9645ddabdbf250d7bd5c34045133b2df5aa1ae59', level='STATEMENT', operation='TRUNCATE', pgid='pgtrigger_no_truncate_5f096', table='federation_privacyreservation', when='BEFORE')),
            ),
            pgtrigger.migrations.AddTrigger(
                model_name='qkdcheck',
                trigger=pgtrigger.compiler.Trigger(name='capture', sql=pgtrigger.compiler.UpsertTriggerSql(execute="core_capture('id', 'created_at', 'participant_id', 'peer_id', 'state', 'simulated', 'qber', 'qber_upper', 'secure_bits', 'rate', 'stored_keys', 'max_keys', 'key_size', 'reason', 'message_digest')", func='RETURN NULL;', hash='6f10a88fd10e2e81c8c1fa3ce0896ba2b79668de', operation='INSERT OR UPDATE OR DELETE', pgid='pgtrigger_capture_e5c75', table='federation_qkdcheck', when='AFTER')),
            ),
            pgtrigger.migrations.AddTrigger(
                model_name='qkdcheck',
                trigger=pgtrigger.compiler.Trigger(name='no_truncate', sql=pgtrigger.compiler.UpsertTriggerSql(func="RAISE EXCEPTION '% must not be truncated', TG_TABLE_NAME USING ERRCODE = 'restrict_violation';", hash='e8d99335bdfc52e411df8febfab09878fa31c789', level='STATEMENT', operation='TRUNCATE', pgid='pgtrigger_no_truncate_f1c13', table='federation_qkdcheck', when='BEFORE')),
            ),
            pgtrigger.migrations.AddTrigger(
                model_name='qkdrehearsal',
                trigger=pgtrigger.compiler.Trigger(name='capture', sql=pgtrigger.compiler.UpsertTriggerSql(execute="core_capture('id', 'created_at', 'federation_id', 'loss', 'error', 'steps', 'requested_by_id', 'finished_at')", func='RETURN NULL;', hash='9008d276f2a24433f0d139f53333fa545931e637', operation='INSERT OR UPDATE OR DELETE', pgid='pgtrigger_capture_2c911', table='federation_qkdrehearsal', when='AFTER')),
            ),
            pgtrigger.migrations.AddTrigger(
                model_name='qkdrehearsal',
                trigger=pgtrigger.compiler.Trigger(name='no_truncate', sql=pgtrigger.compiler.UpsertTriggerSql(func="RAISE EXCEPTION '% must not be truncated', TG_TABLE_NAME USING ERRCODE = 'restrict_violation';", hash='887501d9b627578197881b952af925ac2c97afc8', level='STATEMENT', operation='TRUNCATE', pgid='pgtrigger_no_truncate_7449e', table='federation_qkdrehearsal', when='BEFORE')),
            ),
            pgtrigger.migrations.AddTrigger(
                model_name='quantumjob',
                trigger=pgtrigger.compiler.Trigger(name='capture', sql=pgtrigger.compiler.UpsertTriggerSql(execute="core_capture('id', 'created_at', 'device', 'purpose', 'institution_id', 'participant_id', 'run_id', 'consent_id', 'qubits', 'circuits', 'shots', 'estimate', 'cost', 'cost_limit', 'min_quantum_volume', 'health_check_id', 'requested_by_id', 'retry_of_id', 'state', 'machine', 'provider_tasks', 'submitted_at', 'finished_at', 'result', 'result_digest', 'error', 'cancelled_by_id')", func='RETURN NULL;', hash='00af694ab95920f643feb4a8b2a81d88c6b26dc0', operation='INSERT OR UPDATE OR DELETE', pgid='pgtrigger_capture_3f5b4', table='federation_quantumjob', when='AFTER')),
            ),
            pgtrigger.migrations.AddTrigger(
                model_name='quantumjob',
                trigger=pgtrigger.compiler.Trigger(name='no_truncate', sql=pgtrigger.compiler.UpsertTriggerSql(func="RAISE EXCEPTION '% must not be truncated', TG_TABLE_NAME USING ERRCODE = 'restrict_violation';", hash='3bfaa57a66e99144f62a9d9a7433ad355477102c', level='STATEMENT', operation='TRUNCATE', pgid='pgtrigger_no_truncate_d889b', table='federation_quantumjob', when='BEFORE')),
            ),
            pgtrigger.migrations.AddTrigger(
                model_name='quantumlimit',
                trigger=pgtrigger.compiler.Trigger(name='capture', sql=pgtrigger.compiler.UpsertTriggerSql(execute="core_capture('id', 'created_at', 'institution_id', 'shots_per_month', 'cost_per_month', 'set_by_id')", func='RETURN NULL;', hash='e55a2f3938a73135c7159f6b245d07372f3188d4', operation='INSERT OR UPDATE OR DELETE', pgid='pgtrigger_capture_583b7', table='federation_quantumlimit', when='AFTER')),
            ),
            pgtrigger.migrations.AddTrigger(
                model_name='quantumlimit',
                trigger=pgtrigger.compiler.Trigger(name='no_truncate', sql=pgtrigger.compiler.UpsertTriggerSql(func="RAISE EXCEPTION '% must not be truncated', TG_TABLE_NAME USING ERRCODE = 'restrict_violation';", hash='2cfd04f7133d395ba469a5b74a5295f806071a07', level='STATEMENT', operation='TRUNCATE', pgid='pgtrigger_no_truncate_eeffe', table='federation_quantumlimit', when='BEFORE')),
            ),
            pgtrigger.migrations.AddTrigger(
                model_name='reconsideration',
                trigger=pgtrigger.compiler.Trigger(name='capture', sql=pgtrigger.compiler.UpsertTriggerSql(execute="core_capture('id', 'created_at', 'run_id', 'participant_id', 'cause', 'opened_by_id', 'due_at', 'choice', 'reason', 'decided_by_id', 'decided_at')", func='RETURN NULL;', hash='0dfc76c289cbcd37025956e506215a95c2efe9bb', operation='INSERT OR UPDATE OR DELETE', pgid='pgtrigger_capture_392a0', table='federation_reconsideration', when='AFTER')),
            ),
            pgtrigger.migrations.AddTrigger(
                model_name='reconsideration',
                trigger=pgtrigger.compiler.Trigger(name='no_truncate', sql=pgtrigger.compiler.UpsertTriggerSql(func="RAISE EXCEPTION '% must not be truncated', TG_TABLE_NAME USING ERRCODE = 'restrict_violation';", hash='ce0bb10e45155da108928b3fea5175aa20573e48', level='STATEMENT', operation='TRUNCATE', pgid='pgtrigger_no_truncate_d8591', table='federation_reconsideration', when='BEFORE')),
            ),
            pgtrigger.migrations.AddTrigger(
                model_name='refusedenvelope',
                trigger=pgtrigger.compiler.Trigger(name='capture', sql=pgtrigger.compiler.UpsertTriggerSql(execute="core_capture('id', 'created_at', 'participant_id', 'run_id', 'kind', 'reason', 'digest')", func='RETURN NULL;', hash='0deb165576e2a3875a7b9dc877e36d88de80d8a7', operation='INSERT OR UPDATE OR DELETE', pgid='pgtrigger_capture_903e6', table='federation_refusedenvelope', when='AFTER')),
            ),
            pgtrigger.migrations.AddTrigger(
                model_name='refusedenvelope',
                trigger=pgtrigger.compiler.Trigger(name='no_truncate', sql=pgtrigger.compiler.UpsertTriggerSql(func="RAISE EXCEPTION '% must not be truncated', TG_TABLE_NAME USING ERRCODE = 'restrict_violation';", hash='e677871be4efca5570759e3a930aa7b88951ecd6', level='STATEMENT', operation='TRUNCATE', pgid='pgtrigger_no_truncate_1fac4', table='federation_refusedenvelope', when='BEFORE')),
            ),
            pgtrigger.migrations.AddTrigger(
                model_name='round',
                trigger=pgtrigger.compiler.Trigger(name='capture', sql=pgtrigger.compiler.UpsertTriggerSql(execute="core_capture('id', 'created_at', 'run_id', 'number', 'state', 'start_weights', 'weights', 'metrics', 'finished_at')", func='RETURN NULL;', hash='ebfccbb6592f7239b084888541d521d89d4a2649', operation='INSERT OR UPDATE OR DELETE', pgid='pgtrigger_capture_4be61', table='federation_round', when='AFTER')),
            ),
            pgtrigger.migrations.AddTrigger(
                model_name='round',
                trigger=pgtrigger.compiler.Trigger(name='no_truncate', sql=pgtrigger.compiler.UpsertTriggerSql(func="RAISE EXCEPTION '% must not be truncated', TG_TABLE_NAME USING ERRCODE = 'restrict_violation';", hash='80764cc132446a39f1308a2e3161b3d43721240b', level='STATEMENT', operation='TRUNCATE', pgid='pgtrigger_no_truncate_7dabd', table='federation_round', when='BEFORE')),
            ),
            pgtrigger.migrations.AddTrigger(
                model_name='roundtraffic',
                trigger=pgtrigger.compiler.Trigger(name='capture', sql=pgtrigger.compiler.UpsertTriggerSql(execute="core_capture('id', 'created_at', 'round_id', 'bytes_to_sites', 'bytes_from_sites', 'float32_bytes')", func='RETURN NULL;', hash='5c41157937a60be9c9f3a1211391ea73e26b0315', operation='INSERT OR UPDATE OR DELETE', pgid='pgtrigger_capture_4341f', table='federation_roundtraffic', when='AFTER')),
            ),
            pgtrigger.migrations.AddTrigger(
                model_name='roundtraffic',
                trigger=pgtrigger.compiler.Trigger(name='no_truncate', sql=pgtrigger.compiler.UpsertTriggerSql(func="RAISE EXCEPTION '% must not be truncated', TG_TABLE_NAME USING ERRCODE = 'restrict_violation';", hash='8899b114a67a4d86cdb4ac768426e34a8dd08f55', level='STATEMENT', operation='TRUNCATE', pgid='pgtrigger_no_truncate_469e3', table='federation_roundtraffic', when='BEFORE')),
            ),
            pgtrigger.migrations.AddTrigger(
                model_name='rulememory',
                trigger=pgtrigger.compiler.Trigger(name='capture', sql=pgtrigger.compiler.UpsertTriggerSql(execute="core_capture('id', 'created_at', 'round_id', 'weights')", func='RETURN NULL;', hash='5ff3268c040d7d5c08837f0ad41f74cdadd52d44', operation='INSERT OR UPDATE OR DELETE', pgid='pgtrigger_capture_f6a4d', table='federation_rulememory', when='AFTER')),
            ),
            pgtrigger.migrations.AddTrigger(
                model_name='rulememory',
                trigger=pgtrigger.compiler.Trigger(name='no_truncate', sql=pgtrigger.compiler.UpsertTriggerSql(func="RAISE EXCEPTION '% must not be truncated', TG_TABLE_NAME USING ERRCODE = 'restrict_violation';", hash='10a45f4df6f039bba63686765912593c4fd84813', level='STATEMENT', operation='TRUNCATE', pgid='pgtrigger_no_truncate_eb598', table='federation_rulememory', when='BEFORE')),
            ),
            pgtrigger.migrations.AddTrigger(
                model_name='runengine',
                trigger=pgtrigger.compiler.Trigger(name='capture', sql=pgtrigger.compiler.UpsertTriggerSql(execute="core_capture('id', 'created_at', 'run_id', 'engine')", func='RETURN NULL;', hash='1f23e57a8fc92e5ce791c11f2c5699ecc7c7e266', operation='INSERT OR UPDATE OR DELETE', pgid='pgtrigger_capture_abfb1', table='federation_runengine', when='AFTER')),
            ),
            pgtrigger.migrations.AddTrigger(
                model_name='runengine',
                trigger=pgtrigger.compiler.Trigger(name='no_truncate', sql=pgtrigger.compiler.UpsertTriggerSql(func="RAISE EXCEPTION '% must not be truncated', TG_TABLE_NAME USING ERRCODE = 'restrict_violation';", hash='976ed910dbade99afcf447b2d4addecd1d21daa9', level='STATEMENT', operation='TRUNCATE', pgid='pgtrigger_no_truncate_c3dae', table='federation_runengine', when='BEFORE')),
            ),
            pgtrigger.migrations.AddTrigger(
                model_name='sitecertificate',
                trigger=pgtrigger.compiler.Trigger(name='capture', sql=pgtrigger.compiler.UpsertTriggerSql(execute="core_capture('id', 'created_at', 'participant_id', 'content', 'signature', 'not_after')", func='RETURN NULL;', hash='b2667776f46c68c54ef42c9567c4cf3c0ab2dcd0', operation='INSERT OR UPDATE OR DELETE', pgid='pgtrigger_capture_29f3c', table='federation_sitecertificate', when='AFTER')),
            ),
            pgtrigger.migrations.AddTrigger(
                model_name='sitecertificate',
                trigger=pgtrigger.compiler.Trigger(name='no_truncate', sql=pgtrigger.compiler.UpsertTriggerSql(func="RAISE EXCEPTION '% must not be truncated', TG_TABLE_NAME USING ERRCODE = 'restrict_violation';", hash='d153cf41183dbd87e229f71756d76b1f1ec06fc3', level='STATEMENT', operation='TRUNCATE', pgid='pgtrigger_no_truncate_3acba', table='federation_sitecertificate', when='BEFORE')),
            ),
            pgtrigger.migrations.AddTrigger(
                model_name='siteinvitation',
                trigger=pgtrigger.compiler.Trigger(name='capture', sql=pgtrigger.compiler.UpsertTriggerSql(execute="core_capture('id', 'created_at', 'federation_id', 'institution_id', 'site', 'token_digest', 'expires_at', 'invited_by_id', 'state', 'public_key', 'password_digest', 'ended_at')", func='RETURN NULL;', hash='d3d5f76db3842e2f4f7ccb314a4d18105687da8a', operation='INSERT OR UPDATE OR DELETE', pgid='pgtrigger_capture_3d44d', table='federation_siteinvitation', when='AFTER')),
            ),
            pgtrigger.migrations.AddTrigger(
                model_name='siteinvitation',
                trigger=pgtrigger.compiler.Trigger(name='no_truncate', sql=pgtrigger.compiler.UpsertTriggerSql(func="RAISE EXCEPTION '% must not be truncated', TG_TABLE_NAME USING ERRCODE = 'restrict_violation';", hash='60fd28e79cd05349ab3f9592dc11d8458ecd276c', level='STATEMENT', operation='TRUNCATE', pgid='pgtrigger_no_truncate_1410e', table='federation_siteinvitation', when='BEFORE')),
            ),
            pgtrigger.migrations.AddTrigger(
                model_name='sitepass',
                trigger=pgtrigger.compiler.Trigger(name='capture', sql=pgtrigger.compiler.UpsertTriggerSql(execute="core_capture('id', 'created_at', 'participant_id', 'kind', 'fingerprint', 'not_after', 'handed_to_id', 'handed_at', 'revoked_by_id', 'revoked_at')", func='RETURN NULL;', hash='371aca4248f7e99c175472259ce23a5f3a3a78ff', operation='INSERT OR UPDATE OR DELETE', pgid='pgtrigger_capture_c4a0c', table='federation_sitepass', when='AFTER')),
            ),
            pgtrigger.migrations.AddTrigger(
                model_name='sitepass',
                trigger=pgtrigger.compiler.Trigger(name='no_truncate', sql=pgtrigger.compiler.UpsertTriggerSql(func="RAISE EXCEPTION '% must not be truncated', TG_TABLE_NAME USING ERRCODE = 'restrict_violation';", hash='b6b4b73ff8754e744f9d80f9d78a8d6e27b99575', level='STATEMENT', operation='TRUNCATE', pgid='pgtrigger_no_truncate_c3027', table='federation_sitepass', when='BEFORE')),
            ),
            pgtrigger.migrations.AddTrigger(
                model_name='sitesoftware',
                trigger=pgtrigger.compiler.Trigger(name='capture', sql=pgtrigger.compiler.UpsertTriggerSql(execute="core_capture('id', 'created_at', 'participant_id', 'version', 'engine', 'handlers', 'reported_at')", func='RETURN NULL;', hash='1a4500550b9f29aacefd558e41306bd4054cfb01', operation='INSERT OR UPDATE OR DELETE', pgid='pgtrigger_capture_88a79', table='federation_sitesoftware', when='AFTER')),
            ),
            pgtrigger.migrations.AddTrigger(
                model_name='sitesoftware',
                trigger=pgtrigger.compiler.Trigger(name='no_truncate', sql=pgtrigger.compiler.UpsertTriggerSql(func="RAISE EXCEPTION '% must not be truncated', TG_TABLE_NAME USING ERRCODE = 'restrict_violation';", hash='ab0633861ac28685c4e8869f0791eccd32434362', level='STATEMENT', operation='TRUNCATE', pgid='pgtrigger_no_truncate_02a16', table='federation_sitesoftware', when='BEFORE')),
            ),
            pgtrigger.migrations.AddTrigger(
                model_name='siteupdate',
                trigger=pgtrigger.compiler.Trigger(name='capture', sql=pgtrigger.compiler.UpsertTriggerSql(execute="core_capture('id', 'created_at', 'round_id', 'participant_id', 'weights', 'n_records', 'metrics', 'message_digest', 'signature')", func='RETURN NULL;', hash='e2443e13a62140170b5517ac1a8c4bcf0c157f0b', operation='INSERT OR UPDATE OR DELETE', pgid='pgtrigger_capture_2ae32', table='federation_siteupdate', when='AFTER')),
            ),
            pgtrigger.migrations.AddTrigger(
                model_name='siteupdate',
                trigger=pgtrigger.compiler.Trigger(name='no_truncate', sql=pgtrigger.compiler.UpsertTriggerSql(func="RAISE EXCEPTION '% must not be truncated', TG_TABLE_NAME USING ERRCODE = 'restrict_violation';", hash='2ebe21c4784a783a4abe6dbdb48a636b3db2f616', level='STATEMENT', operation='TRUNCATE', pgid='pgtrigger_no_truncate_b1db5', table='federation_siteupdate', when='BEFORE')),
            ),
            pgtrigger.migrations.AddTrigger(
                model_name='trainingrun',
                trigger=pgtrigger.compiler.Trigger(name='capture', sql=pgtrigger.compiler.UpsertTriggerSql(execute="core_capture('id', 'created_at', 'federation_id', 'name', 'config', 'config_hash', 'state', 'requested_by_id', 'started_at', 'finished_at', 'stopped_by_id', 'stop_reason')", func='RETURN NULL;', hash='fa5c2e0f927837c254295ae10ba458a6b6ab03a8', operation='INSERT OR UPDATE OR DELETE', pgid='pgtrigger_capture_189b6', table='federation_trainingrun', when='AFTER')),
            ),
            pgtrigger.migrations.AddTrigger(
                model_name='trainingrun',
                trigger=pgtrigger.compiler.Trigger(name='no_truncate', sql=pgtrigger.compiler.UpsertTriggerSql(func="RAISE EXCEPTION '% must not be truncated', TG_TABLE_NAME USING ERRCODE = 'restrict_violation';", hash='ae2dd5a3ab249ac6aa13331e829b85dc1bca1b4d', level='STATEMENT', operation='TRUNCATE', pgid='pgtrigger_no_truncate_51efb', table='federation_trainingrun', when='BEFORE')),
            ),
            pgtrigger.migrations.AddTrigger(
                model_name='consent',
                trigger=pgtrigger.compiler.Trigger(name='capture', sql=pgtrigger.compiler.UpsertTriggerSql(execute="core_capture('id', 'created_at', 'run_id', 'participant_id', 'config_hash', 'decision', 'capacity', 'reason', 'decided_by_id', 'statement')", func='RETURN NULL;', hash='93e16e8b56ce1d4f2aac4b63baa3102293f0fcce', operation='INSERT OR UPDATE OR DELETE', pgid='pgtrigger_capture_ab996', table='federation_consent', when='AFTER')),
            ),
            pgtrigger.migrations.AddTrigger(
                model_name='consent',
                trigger=pgtrigger.compiler.Trigger(name='no_truncate', sql=pgtrigger.compiler.UpsertTriggerSql(func="RAISE EXCEPTION '% must not be truncated', TG_TABLE_NAME USING ERRCODE = 'restrict_violation';", hash='903edaf3e70615516ee5204c499c22e6a4e95c25', level='STATEMENT', operation='TRUNCATE', pgid='pgtrigger_no_truncate_72eef', table='federation_consent', when='BEFORE')),
            ),
            pgtrigger.migrations.AddTrigger(
                model_name='consent',
                trigger=pgtrigger.compiler.Trigger(name='two_people', sql=pgtrigger.compiler.UpsertTriggerSql(func="\nBEGIN\n    PERFORM 1 FROM federation_consent c WHERE c.run_id = NEW.run_id AND c.participant_id = NEW.participant_id\n        AND c.decided_by_id = NEW.decided_by_id AND c.capacity <> NEW.capacity;\n    IF FOUND THEN\n        RAISE EXCEPTION 'one person must not sign a run as operator and as officer' USING ERRCODE = 'check_violation';\n    END IF;\n    RETURN NEW;\nEND;\n", hash='097bd7eff505c91d182470bdd232cfe44bc9f5f1', operation='INSERT', pgid='pgtrigger_two_people_518c8', table='federation_consent', when='BEFORE')),
            ),
            pgtrigger.migrations.AddTrigger(
                model_name='contributionstudy',
                trigger=pgtrigger.compiler.Trigger(name='capture', sql=pgtrigger.compiler.UpsertTriggerSql(execute="core_capture('id', 'created_at', 'run_id', 'result', 'error', 'requested_by_id', 'finished_at')", func='RETURN NULL;', hash='5590e9300c4c0822f8f893cff2e91b834a537448', operation='INSERT OR UPDATE OR DELETE', pgid='pgtrigger_capture_9950a', table='federation_contributionstudy', when='AFTER')),
            ),
            pgtrigger.migrations.AddTrigger(
                model_name='contributionstudy',
                trigger=pgtrigger.compiler.Trigger(name='no_truncate', sql=pgtrigger.compiler.UpsertTriggerSql(func="RAISE EXCEPTION '% must not be truncated', TG_TABLE_NAME USING ERRCODE = 'restrict_violation';", hash='a0d14b2fd15852868988b571ffe72a13e6e041db', level='STATEMENT', operation='TRUNCATE', pgid='pgtrigger_no_truncate_37df5', table='federation_contributionstudy', when='BEFORE')),
            ),
            pgtrigger.migrations.AddTrigger(
                model_name='deviceconsent',
                trigger=pgtrigger.compiler.Trigger(name='capture', sql=pgtrigger.compiler.UpsertTriggerSql(execute="core_capture('id', 'created_at', 'run_id', 'participant_id', 'device', 'config_hash', 'decision', 'reason', 'decided_by_id')", func='RETURN NULL;', hash='ee2effe0f959aa33bf0ec30982f712c0c9e73443', operation='INSERT OR UPDATE OR DELETE', pgid='pgtrigger_capture_bc426', table='federation_deviceconsent', when='AFTER')),
            ),
            pgtrigger.migrations.AddTrigger(
                model_name='deviceconsent',
                trigger=pgtrigger.compiler.Trigger(name='no_truncate', sql=pgtrigger.compiler.UpsertTriggerSql(func="RAISE EXCEPTION '% must not be truncated', TG_TABLE_NAME USING ERRCODE = 'restrict_violation';", hash='82b8277e69134d9e09d62f33047497630529bb00', level='STATEMENT', operation='TRUNCATE', pgid='pgtrigger_no_truncate_1f3de', table='federation_deviceconsent', when='BEFORE')),
            ),
            pgtrigger.migrations.AddTrigger(
                model_name='featurestudy',
                trigger=pgtrigger.compiler.Trigger(name='capture', sql=pgtrigger.compiler.UpsertTriggerSql(execute="core_capture('id', 'created_at', 'federation_id', 'question', 'epsilon', 'delta', 'result', 'requested_by_id', 'finished_at')", func='RETURN NULL;', hash='33fd42567bf682388ac98c13d85859fba559f988', operation='INSERT OR UPDATE OR DELETE', pgid='pgtrigger_capture_842b1', table='federation_featurestudy', when='AFTER')),
            ),
            pgtrigger.migrations.AddTrigger(
                model_name='featurestudy',
                trigger=pgtrigger.compiler.Trigger(name='no_truncate', sql=pgtrigger.compiler.UpsertTriggerSql(func="RAISE EXCEPTION '% must not be truncated', TG_TABLE_NAME USING ERRCODE = 'restrict_violation';", hash='2e404b3abd05188cec03143540363b533088e516', level='STATEMENT', operation='TRUNCATE', pgid='pgtrigger_no_truncate_08431', table='federation_featurestudy', when='BEFORE')),
            ),
            pgtrigger.migrations.AddTrigger(
                model_name='featurecharge',
                trigger=pgtrigger.compiler.Trigger(name='capture', sql=pgtrigger.compiler.UpsertTriggerSql(execute="core_capture('id', 'created_at', 'study_id', 'participant_id', 'data_set', 'spend')", func='RETURN NULL;', hash='d1b2ab1a5d550a29350c9b075f6c2c5cfb80e1c8', operation='INSERT OR UPDATE OR DELETE', pgid='pgtrigger_capture_05aa4', table='federation_featurecharge', when='AFTER')),
            ),
            pgtrigger.migrations.AddTrigger(
                model_name='featurecharge',
                trigger=pgtrigger.compiler.Trigger(name='no_truncate', sql=pgtrigger.compiler.UpsertTriggerSql(func="RAISE EXCEPTION '% must not be truncated', TG_TABLE_NAME USING ERRCODE = 'restrict_violation';", hash='9cc4683b2d5b11cc1251f76e27eb4ae93b1f485a', level='STATEMENT', operation='TRUNCATE', pgid='pgtrigger_no_truncate_323ed', table='federation_featurecharge', when='BEFORE')),
            ),
        ]),
    ]
