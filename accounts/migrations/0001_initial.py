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
        ('core', '0001_capture'),
        ('auth', '0012_alter_user_first_name_max_length'),
    ]

    operations = [
        Together(operations=[
            migrations.CreateModel(
                name='User',
                fields=[
                    ('password', models.CharField(max_length=128, verbose_name='password')),
                    ('last_login', models.DateTimeField(blank=True, null=True, verbose_name='last login')),
                    ('is_superuser', models.BooleanField(default=False, help_text='Designates that this user has all permissions without explicitly assigning them.', verbose_name='superuser status')),
                    ('id', models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                    ('email', models.EmailField(max_length=254, unique=True)),
                    ('email_index', core.fields.BlindIndexField(editable=False, max_length=64, null=True, source='email', unique=True)),
                    ('name', core.fields.SealedTextField(max_length=120, subject='id')),
                    ('is_active', models.BooleanField(default=True)),
                    ('is_staff', models.BooleanField(default=False)),
                    ('created_at', models.DateTimeField(default=django.utils.timezone.now, editable=False)),
                    ('groups', models.ManyToManyField(blank=True, help_text='The groups this user belongs to. A user will get all permissions granted to each of their groups.', related_name='user_set', related_query_name='user', to='auth.group', verbose_name='groups')),
                    ('user_permissions', models.ManyToManyField(blank=True, help_text='Specific permissions for this user.', related_name='user_set', related_query_name='user', to='auth.permission', verbose_name='user permissions')),
                ],
                options={
                    'ordering': ['created_at', 'id'],
                },
            ),
            migrations.CreateModel(
                name='Cached',
                fields=[
                    ('cache_key', models.CharField(max_length=255, primary_key=True, serialize=False)),
                    ('value', models.TextField()),
                    ('expires', models.DateTimeField(db_index=True)),
                ],
                options={
                    'db_table': 'accounts_cached',
                },
            ),
            migrations.CreateModel(
                name='Institution',
                fields=[
                    ('id', models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                    ('created_at', models.DateTimeField(default=django.utils.timezone.now, editable=False)),
                    ('slug', models.SlugField(max_length=40, unique=True)),
                    ('name', models.CharField(max_length=120)),
                    ('is_active', models.BooleanField(default=True)),
                ],
                options={
                    'ordering': ['name'],
                },
            ),
            migrations.CreateModel(
                name='Invitation',
                fields=[
                    ('id', models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                    ('created_at', models.DateTimeField(default=django.utils.timezone.now, editable=False)),
                    ('role', models.CharField(choices=[('administrator', 'Administrator'), ('ethics_officer', 'Ethics officer'), ('auditor', 'Auditor'), ('site_operator', 'Site operator'), ('clinician', 'Clinician'), ('external_auditor', 'External auditor')], max_length=20)),
                    ('expires_at', models.DateTimeField()),
                    ('accepted_at', models.DateTimeField(null=True)),
                    ('withdrawn_at', models.DateTimeField(null=True)),
                    ('institution', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, to='accounts.institution')),
                    ('invited_by', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                    ('user', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='invitations', to=settings.AUTH_USER_MODEL)),
                ],
                options={
                    'ordering': ['-created_at'],
                    'constraints': [models.UniqueConstraint(condition=models.Q(('accepted_at', None), ('withdrawn_at', None)), fields=('user', 'institution', 'role'), name='invitation_waits_once', nulls_distinct=False), models.CheckConstraint(condition=models.Q(('accepted_at', None), ('withdrawn_at', None), _connector='OR'), name='invitation_accepted_or_withdrawn')],
                },
            ),
            migrations.CreateModel(
                name='Membership',
                fields=[
                    ('id', models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                    ('created_at', models.DateTimeField(default=django.utils.timezone.now, editable=False)),
                    ('role', models.CharField(choices=[('administrator', 'Administrator'), ('ethics_officer', 'Ethics officer'), ('auditor', 'Auditor'), ('site_operator', 'Site operator'), ('clinician', 'Clinician'), ('external_auditor', 'External auditor')], max_length=20)),
                    ('is_active', models.BooleanField(default=True)),
                    ('institution', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, to='accounts.institution')),
                    ('user', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='memberships', to=settings.AUTH_USER_MODEL)),
                ],
                options={
                    'ordering': ['user', 'role'],
                    'constraints': [models.UniqueConstraint(fields=('user', 'institution', 'role'), name='membership_once', nulls_distinct=False), models.CheckConstraint(condition=models.Q(('institution__isnull', False), ('role__in', [core.roles.Role['ADMINISTRATOR'], core.roles.Role['AUDITOR']]), _connector='OR'), name='membership_scope')],
                },
            ),
            migrations.CreateModel(
                name='Message',
                fields=[
                    ('id', models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                    ('kind', models.CharField(max_length=40)),
                    ('key', models.CharField(max_length=120)),
                    ('title', models.CharField(max_length=200)),
                    ('text', models.CharField(blank=True, max_length=500)),
                    ('path', models.CharField(blank=True, max_length=200)),
                    ('created_at', models.DateTimeField(default=django.utils.timezone.now)),
                    ('read_at', models.DateTimeField(null=True)),
                    ('mailed_at', models.DateTimeField(null=True)),
                    ('user', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='inbox', to=settings.AUTH_USER_MODEL)),
                ],
                options={
                    'ordering': ['-created_at', 'id'],
                    'indexes': [models.Index(fields=['user', '-created_at'], name='message_of_person'), models.Index(condition=models.Q(('read_at__isnull', True)), fields=['user'], name='message_unread')],
                    'constraints': [models.UniqueConstraint(fields=('user', 'key'), name='message_once_a_person')],
                },
            ),
            migrations.CreateModel(
                name='SavedView',
                fields=[
                    ('id', models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                    ('name', models.CharField(max_length=60)),
                    ('path', models.CharField(max_length=200)),
                    ('query', models.CharField(blank=True, max_length=1000)),
                    ('created_at', models.DateTimeField(default=django.utils.timezone.now)),
                    ('removed_at', models.DateTimeField(null=True)),
                    ('institution', models.ForeignKey(null=True, on_delete=django.db.models.deletion.CASCADE, related_name='+', to='accounts.institution')),
                    ('owner', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='saved_views', to=settings.AUTH_USER_MODEL)),
                ],
                options={
                    'ordering': ['name', 'created_at'],
                    'indexes': [models.Index(fields=['path'], name='saved_view_of_page')],
                    'constraints': [models.UniqueConstraint(condition=models.Q(('removed_at__isnull', True)), fields=('owner', 'path', 'name'), name='saved_view_once')],
                },
            ),
            migrations.CreateModel(
                name='SignedIn',
                fields=[
                    ('session_key', models.CharField(max_length=40, primary_key=True, serialize=False)),
                    ('device', models.CharField(max_length=60)),
                    ('started_at', models.DateTimeField(default=django.utils.timezone.now)),
                    ('seen_at', models.DateTimeField(default=django.utils.timezone.now)),
                    ('user', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='sessions', to=settings.AUTH_USER_MODEL)),
                ],
                options={
                    'ordering': ['-seen_at'],
                },
            ),
            migrations.CreateModel(
                name='SignIn',
                fields=[
                    ('id', models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                    ('created_at', models.DateTimeField(default=django.utils.timezone.now, editable=False)),
                    ('ways', models.CharField(max_length=120)),
                    ('provider', models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='accounts.identityprovider')),
                    ('user', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='sign_ins', to=settings.AUTH_USER_MODEL)),
                ],
                options={
                    'verbose_name': 'sign-in',
                    'ordering': ['-created_at'],
                },
            ),
            migrations.CreateModel(
                name='Preferences',
                fields=[
                    ('user', models.OneToOneField(on_delete=django.db.models.deletion.CASCADE, primary_key=True, related_name='preferences', serialize=False, to=settings.AUTH_USER_MODEL)),
                    ('language', models.CharField(blank=True, max_length=10)),
                    ('time_zone', models.CharField(default='UTC', max_length=64)),
                    ('shortcuts', models.BooleanField(default=True)),
                    ('digest', models.CharField(choices=[('never', 'Never'), ('daily', 'Every day'), ('weekly', 'Every Monday')], default='daily', max_length=10)),
                    ('ways', models.JSONField(default=dict)),
                    ('digest_at', models.DateTimeField(null=True)),
                    ('first_steps_done', models.BooleanField(default=False)),
                ],
            ),
            migrations.CreateModel(
                name='FactorReset',
                fields=[
                    ('id', models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                    ('created_at', models.DateTimeField(default=django.utils.timezone.now, editable=False)),
                    ('reason', core.fields.SealedTextField(max_length=500, subject='requested_by_id')),
                    ('expires_at', models.DateTimeField()),
                    ('granted_at', models.DateTimeField(null=True)),
                    ('granted_by', models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                    ('requested_by', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                    ('user', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='factor_resets', to=settings.AUTH_USER_MODEL)),
                ],
                options={
                    'ordering': ['-created_at'],
                    'constraints': [models.CheckConstraint(condition=models.Q(models.Q(('requested_by', models.F('user')), _negated=True), models.Q(('granted_by', None), models.Q(models.Q(('granted_by', models.F('requested_by')), _negated=True), models.Q(('granted_by', models.F('user')), _negated=True)), _connector='OR')), name='factor_reset_by_two_others'), models.CheckConstraint(condition=models.Q(models.Q(('granted_at', None), ('granted_by', None)), models.Q(('granted_at__isnull', False), ('granted_by__isnull', False)), _connector='OR'), name='factor_reset_granted_whole')],
                },
            ),
            migrations.CreateModel(
                name='IdentityProvider',
                fields=[
                    ('id', models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                    ('created_at', models.DateTimeField(default=django.utils.timezone.now, editable=False)),
                    ('slug', models.SlugField(max_length=40, unique=True)),
                    ('name', models.CharField(max_length=40)),
                    ('issuer', models.CharField(max_length=300)),
                    ('client_id', models.CharField(max_length=190)),
                    ('secret', core.fields.SealedSecretField(blank=True, subject='id')),
                    ('factor_amr', models.JSONField(blank=True, default=list)),
                    ('factor_acr', models.JSONField(blank=True, default=list)),
                    ('is_active', models.BooleanField(default=True)),
                    ('institution', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='identity_providers', to='accounts.institution')),
                ],
                options={
                    'ordering': ['name'],
                },
            ),
            migrations.CreateModel(
                name='EmergencyAccess',
                fields=[
                    ('id', models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                    ('created_at', models.DateTimeField(default=django.utils.timezone.now, editable=False)),
                    ('reason', core.fields.SealedTextField(max_length=2000, subject='requested_by_id')),
                    ('confirm_until', models.DateTimeField()),
                    ('confirmed_at', models.DateTimeField(null=True)),
                    ('ends_at', models.DateTimeField(null=True)),
                    ('ended_at', models.DateTimeField(null=True)),
                    ('review_due_on', models.DateField(null=True)),
                    ('reviewed_at', models.DateTimeField(null=True)),
                    ('verdict', models.CharField(blank=True, choices=[('justified', 'Justified'), ('unjustified', 'Not justified')], max_length=12)),
                    ('review', core.fields.SealedTextField(blank=True, max_length=2000, subject='reviewed_by_id')),
                    ('confirmed_by', models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                    ('requested_by', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='emergencies', to=settings.AUTH_USER_MODEL)),
                    ('reviewed_by', models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                    ('institution', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to='accounts.institution')),
                ],
                options={
                    'ordering': ['-created_at'],
                    'constraints': [models.CheckConstraint(condition=models.Q(('confirmed_by', None), models.Q(('confirmed_by', models.F('requested_by')), _negated=True), _connector='OR'), name='emergency_by_two'), models.CheckConstraint(condition=models.Q(models.Q(('confirmed_at', None), ('confirmed_by', None), ('ends_at', None), ('review_due_on', None)), models.Q(('confirmed_at__isnull', False), ('confirmed_by__isnull', False), ('ends_at__isnull', False), ('review_due_on__isnull', False)), _connector='OR'), name='emergency_confirmed_whole'), models.CheckConstraint(condition=models.Q(('confirmed_at', None), ('confirmed_at__lte', models.F('confirm_until')), _connector='OR'), name='emergency_confirmed_in_time'), models.CheckConstraint(condition=models.Q(models.Q(('reviewed_at', None), ('reviewed_by', None), ('verdict', '')), models.Q(('confirmed_at__isnull', False), ('reviewed_at__isnull', False), ('reviewed_by__isnull', False), models.Q(('verdict', ''), _negated=True), models.Q(('reviewed_by', models.F('requested_by')), _negated=True), models.Q(('reviewed_by', models.F('confirmed_by')), _negated=True)), _connector='OR'), name='emergency_reviewed_by_another')],
                },
            ),
            migrations.CreateModel(
                name='ApiKey',
                fields=[
                    ('id', models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                    ('created_at', models.DateTimeField(default=django.utils.timezone.now, editable=False)),
                    ('name', models.CharField(max_length=80)),
                    ('prefix', models.CharField(max_length=12, unique=True)),
                    ('digest', models.CharField(max_length=64)),
                    ('actions', models.JSONField(default=list)),
                    ('expires_at', models.DateTimeField()),
                    ('revoked_at', models.DateTimeField(blank=True, null=True)),
                    ('last_used_at', models.DateTimeField(blank=True, null=True)),
                    ('issued_by', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, to=settings.AUTH_USER_MODEL)),
                    ('institution', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, to='accounts.institution')),
                ],
                options={
                    'ordering': ['-created_at'],
                },
            ),
            pgtrigger.migrations.AddTrigger(
                model_name='user',
                trigger=pgtrigger.compiler.Trigger(name='capture', sql=pgtrigger.compiler.UpsertTriggerSql(execute="core_capture('id', 'created_at', 'email', 'name', 'is_active', 'is_staff', 'is_superuser')", func='RETURN NULL;', hash='8ee7e51f25b4ecb4863951ec507bb52ab1fb734c', operation='INSERT OR UPDATE OR DELETE', pgid='pgtrigger_capture_5c629', table='accounts_user', when='AFTER')),
            ),
            pgtrigger.migrations.AddTrigger(
                model_name='user',
                trigger=pgtrigger.compiler.Trigger(name='no_truncate', sql=pgtrigger.compiler.UpsertTriggerSql(func="RAISE EXCEPTION '% must not be truncated', TG_TABLE_NAME USING ERRCODE = 'restrict_violation';", hash='5b09e165fafc43d575550d739af441958a2d510e', level='STATEMENT', operation='TRUNCATE', pgid='pgtrigger_no_truncate_37fec', table='accounts_user', when='BEFORE')),
            ),
            pgtrigger.migrations.AddTrigger(
                model_name='institution',
                trigger=pgtrigger.compiler.Trigger(name='capture', sql=pgtrigger.compiler.UpsertTriggerSql(execute="core_capture('id', 'created_at', 'slug', 'name', 'is_active')", func='RETURN NULL;', hash='f119b15c60ab198058a2241ad457ed200a773d87', operation='INSERT OR UPDATE OR DELETE', pgid='pgtrigger_capture_25577', table='accounts_institution', when='AFTER')),
            ),
            pgtrigger.migrations.AddTrigger(
                model_name='institution',
                trigger=pgtrigger.compiler.Trigger(name='no_truncate', sql=pgtrigger.compiler.UpsertTriggerSql(func="RAISE EXCEPTION '% must not be truncated', TG_TABLE_NAME USING ERRCODE = 'restrict_violation';", hash='046ed94cf99daf9feffde699e8061ffa7c6bc460', level='STATEMENT', operation='TRUNCATE', pgid='pgtrigger_no_truncate_cf841', table='accounts_institution', when='BEFORE')),
            ),
            pgtrigger.migrations.AddTrigger(
                model_name='invitation',
                trigger=pgtrigger.compiler.Trigger(name='capture', sql=pgtrigger.compiler.UpsertTriggerSql(execute="core_capture('id', 'created_at', 'user_id', 'institution_id', 'role', 'invited_by_id', 'expires_at', 'accepted_at', 'withdrawn_at')", func='RETURN NULL;', hash='5bfce0f8f159669fe4583c12a5b40243c1120869', operation='INSERT OR UPDATE OR DELETE', pgid='pgtrigger_capture_5141d', table='accounts_invitation', when='AFTER')),
            ),
            pgtrigger.migrations.AddTrigger(
                model_name='invitation',
                trigger=pgtrigger.compiler.Trigger(name='no_truncate', sql=pgtrigger.compiler.UpsertTriggerSql(func="RAISE EXCEPTION '% must not be truncated', TG_TABLE_NAME USING ERRCODE = 'restrict_violation';", hash='918c84b9a96160db1254aef44622e7fef4a56a77', level='STATEMENT', operation='TRUNCATE', pgid='pgtrigger_no_truncate_c5715', table='accounts_invitation', when='BEFORE')),
            ),
            pgtrigger.migrations.AddTrigger(
                model_name='membership',
                trigger=pgtrigger.compiler.Trigger(name='capture', sql=pgtrigger.compiler.UpsertTriggerSql(execute="core_capture('id', 'created_at', 'user_id', 'institution_id', 'role', 'is_active')", func='RETURN NULL;', hash='dc3e5c845cc742d4da5a8cfd4b5e3a1c78a99500', operation='INSERT OR UPDATE OR DELETE', pgid='pgtrigger_capture_e6501', table='accounts_membership', when='AFTER')),
            ),
            pgtrigger.migrations.AddTrigger(
                model_name='membership',
                trigger=pgtrigger.compiler.Trigger(name='no_truncate', sql=pgtrigger.compiler.UpsertTriggerSql(func="RAISE EXCEPTION '% must not be truncated', TG_TABLE_NAME USING ERRCODE = 'restrict_violation';", hash='fe2399c6c743a87f6391c1966241bd4b64a1d9aa', level='STATEMENT', operation='TRUNCATE', pgid='pgtrigger_no_truncate_a4797', table='accounts_membership', when='BEFORE')),
            ),
            pgtrigger.migrations.AddTrigger(
                model_name='signin',
                trigger=pgtrigger.compiler.Trigger(name='capture', sql=pgtrigger.compiler.UpsertTriggerSql(execute="core_capture('id', 'created_at', 'user_id', 'ways', 'provider_id')", func='RETURN NULL;', hash='04df8c8cd01587a76a09f99f3d9346264c781eba', operation='INSERT OR UPDATE OR DELETE', pgid='pgtrigger_capture_7ac9e', table='accounts_signin', when='AFTER')),
            ),
            pgtrigger.migrations.AddTrigger(
                model_name='signin',
                trigger=pgtrigger.compiler.Trigger(name='no_truncate', sql=pgtrigger.compiler.UpsertTriggerSql(func="RAISE EXCEPTION '% must not be truncated', TG_TABLE_NAME USING ERRCODE = 'restrict_violation';", hash='bf0a731251dad8121b1f684723bd2c50a49b543f', level='STATEMENT', operation='TRUNCATE', pgid='pgtrigger_no_truncate_fbef2', table='accounts_signin', when='BEFORE')),
            ),
            pgtrigger.migrations.AddTrigger(
                model_name='signin',
                trigger=pgtrigger.compiler.Trigger(name='append_only', sql=pgtrigger.compiler.UpsertTriggerSql(func="RAISE EXCEPTION '% is append-only: % refused', TG_TABLE_NAME, TG_OP USING ERRCODE = 'restrict_violation';", hash='2980eef7f5dc266ee39de2657369558b9df6a8c9', operation='UPDATE OR DELETE', pgid='pgtrigger_append_only_70b41', table='accounts_signin', when='BEFORE')),
            ),
            pgtrigger.migrations.AddTrigger(
                model_name='factorreset',
                trigger=pgtrigger.compiler.Trigger(name='capture', sql=pgtrigger.compiler.UpsertTriggerSql(execute="core_capture('id', 'created_at', 'user_id', 'requested_by_id', 'reason', 'expires_at', 'granted_by_id', 'granted_at')", func='RETURN NULL;', hash='c60d5fdd278a0f0380cc7481c2c6d8c7febba30d', operation='INSERT OR UPDATE OR DELETE', pgid='pgtrigger_capture_00e8d', table='accounts_factorreset', when='AFTER')),
            ),
            pgtrigger.migrations.AddTrigger(
                model_name='factorreset',
                trigger=pgtrigger.compiler.Trigger(name='no_truncate', sql=pgtrigger.compiler.UpsertTriggerSql(func="RAISE EXCEPTION '% must not be truncated', TG_TABLE_NAME USING ERRCODE = 'restrict_violation';", hash='829849f4102d72bf2b5f49307091ffbaa149556c', level='STATEMENT', operation='TRUNCATE', pgid='pgtrigger_no_truncate_f6e25', table='accounts_factorreset', when='BEFORE')),
            ),
            pgtrigger.migrations.AddTrigger(
                model_name='identityprovider',
                trigger=pgtrigger.compiler.Trigger(name='capture', sql=pgtrigger.compiler.UpsertTriggerSql(execute="core_capture('id', 'created_at', 'institution_id', 'slug', 'name', 'issuer', 'client_id', 'factor_amr', 'factor_acr', 'is_active')", func='RETURN NULL;', hash='47382acbe1b3bd772e4d52a9c815ecce293fc826', operation='INSERT OR UPDATE OR DELETE', pgid='pgtrigger_capture_b9385', table='accounts_identityprovider', when='AFTER')),
            ),
            pgtrigger.migrations.AddTrigger(
                model_name='identityprovider',
                trigger=pgtrigger.compiler.Trigger(name='no_truncate', sql=pgtrigger.compiler.UpsertTriggerSql(func="RAISE EXCEPTION '% must not be truncated', TG_TABLE_NAME USING ERRCODE = 'restrict_violation';", hash='510706fce7f5d85528eead2484e2d6be314c27c4', level='STATEMENT', operation='TRUNCATE', pgid='pgtrigger_no_truncate_57ad2', table='accounts_identityprovider', when='BEFORE')),
            ),
            pgtrigger.migrations.AddTrigger(
                model_name='emergencyaccess',
                trigger=pgtrigger.compiler.Trigger(name='capture', sql=pgtrigger.compiler.UpsertTriggerSql(execute="core_capture('id', 'created_at', 'requested_by_id', 'institution_id', 'reason', 'confirm_until', 'confirmed_by_id', 'confirmed_at', 'ends_at', 'ended_at', 'review_due_on', 'reviewed_by_id', 'reviewed_at', 'verdict', 'review')", func='RETURN NULL;', hash='38e8b2b56b7c96f6fb33a3ae286303cae576e1ea', operation='INSERT OR UPDATE OR DELETE', pgid='pgtrigger_capture_9b452', table='accounts_emergencyaccess', when='AFTER')),
            ),
            pgtrigger.migrations.AddTrigger(
                model_name='emergencyaccess',
                trigger=pgtrigger.compiler.Trigger(name='no_truncate', sql=pgtrigger.compiler.UpsertTriggerSql(func="RAISE EXCEPTION '% must not be truncated', TG_TABLE_NAME USING ERRCODE = 'restrict_violation';", hash='4f626a9c98a352a2fb042130a73d2d68c2ef137f', level='STATEMENT', operation='TRUNCATE', pgid='pgtrigger_no_truncate_800f2', table='accounts_emergencyaccess', when='BEFORE')),
            ),
            pgtrigger.migrations.AddTrigger(
                model_name='apikey',
                trigger=pgtrigger.compiler.Trigger(name='capture', sql=pgtrigger.compiler.UpsertTriggerSql(execute="core_capture('id', 'created_at', 'prefix', 'institution_id', 'actions', 'issued_by_id', 'expires_at', 'revoked_at')", func='RETURN NULL;', hash='a7ab9a9a133c24d7868f06f61038e55b7754b43c', operation='INSERT OR UPDATE OR DELETE', pgid='pgtrigger_capture_d9bc8', table='accounts_apikey', when='AFTER')),
            ),
            pgtrigger.migrations.AddTrigger(
                model_name='apikey',
                trigger=pgtrigger.compiler.Trigger(name='no_truncate', sql=pgtrigger.compiler.UpsertTriggerSql(func="RAISE EXCEPTION '% must not be truncated', TG_TABLE_NAME USING ERRCODE = 'restrict_violation';", hash='a1ed2b78ef5456891029240e1c450b6eedf3bbef', level='STATEMENT', operation='TRUNCATE', pgid='pgtrigger_no_truncate_48b92', table='accounts_apikey', when='BEFORE')),
            ),
        ]),
    ]
