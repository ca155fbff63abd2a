"""Second factors stand in allauth's tables from here on; identity providers, invitations, emergency access are new.

An authenticator app goes on as it is. Recovery codes were kept as hashes, which nobody can turn back into codes: their
owners get new ones, and are told so on their home page.
"""

import secrets

import core.fields
import django.db.models.deletion
import django.utils.timezone
import pgtrigger.compiler
import pgtrigger.migrations
import uuid
from django.conf import settings
from django.db import migrations, models

from core import vault
from core.context import governed

_SECRET = "mfa_authenticator.data"  # as accounts.adapters seals


def move(apps, schema_editor):
    factors, kept = apps.get_model("accounts", "SecondFactor"), apps.get_model("mfa", "Authenticator")
    with governed(action="factor.move"):
        for factor in factors.objects.filter(confirmed_at__isnull=False, removed_at=None).iterator():
            owner = factor.user_id
            if vault.erased(owner):
                continue

            def sealed(text, owner=owner):
                return f"{owner}:{vault.seal(owner, text, _SECRET)}"

            app = {"secret": sealed(str(factor.secret))}
            kept.objects.create(user_id=owner, type="totp", data=app, created_at=factor.confirmed_at)
            codes = {"seed": sealed(secrets.token_hex(40)), "used_mask": 0}
            kept.objects.create(user_id=owner, type="recovery_codes", data=codes)
        apps.get_model("accounts", "RecoveryCode").objects.all().delete()
        factors.objects.all().delete()


class Migration(migrations.Migration):

    dependencies = [
        ('accounts', '0004_identity'),
        ('mfa', '0003_authenticator_type_uniq'),
        ('socialaccount', '0006_alter_socialaccount_extra_data'),
    ]

    operations = [
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
            name='Factor',
            fields=[
            ],
            options={
                'verbose_name': 'second factor',
                'proxy': True,
                'indexes': [],
                'constraints': [],
            },
            bases=('mfa.authenticator',),
        ),
        migrations.CreateModel(
            name='ProviderLink',
            fields=[
            ],
            options={
                'verbose_name': 'link to an identity provider',
                'proxy': True,
                'indexes': [],
                'constraints': [],
            },
            bases=('socialaccount.socialaccount',),
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
                ('institution', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to='accounts.institution')),
                ('requested_by', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='emergencies', to=settings.AUTH_USER_MODEL)),
                ('reviewed_by', models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
            ],
            options={
                'ordering': ['-created_at'],
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
                'ordering': ['-created_at'],
            },
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='factor',
            trigger=pgtrigger.compiler.Trigger(name='capture', sql=pgtrigger.compiler.UpsertTriggerSql(execute="core_capture('id', 'user_id', 'type', 'created_at')", func='RETURN NULL;', hash='923890924f1ed9f15c213f1e931d262b6122f189', operation='INSERT OR UPDATE OR DELETE', pgid='pgtrigger_capture_ee57c', table='mfa_authenticator', when='AFTER')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='factor',
            trigger=pgtrigger.compiler.Trigger(name='no_truncate', sql=pgtrigger.compiler.UpsertTriggerSql(func="RAISE EXCEPTION '% must not be truncated', TG_TABLE_NAME USING ERRCODE = 'restrict_violation';", hash='054db2df37a5ea0e8e875142f0e0993a6bba1413', level='STATEMENT', operation='TRUNCATE', pgid='pgtrigger_no_truncate_d06b1', table='mfa_authenticator', when='BEFORE')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='providerlink',
            trigger=pgtrigger.compiler.Trigger(name='capture', sql=pgtrigger.compiler.UpsertTriggerSql(execute="core_capture('id', 'user_id', 'provider', 'date_joined')", func='RETURN NULL;', hash='f047eefd33c455fc6cf59461a0061559ed049a63', operation='INSERT OR UPDATE OR DELETE', pgid='pgtrigger_capture_a38b6', table='socialaccount_socialaccount', when='AFTER')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='providerlink',
            trigger=pgtrigger.compiler.Trigger(name='no_truncate', sql=pgtrigger.compiler.UpsertTriggerSql(func="RAISE EXCEPTION '% must not be truncated', TG_TABLE_NAME USING ERRCODE = 'restrict_violation';", hash='a5b00d621295f310a811906118b6d5f041275f90', level='STATEMENT', operation='TRUNCATE', pgid='pgtrigger_no_truncate_0f460', table='socialaccount_socialaccount', when='BEFORE')),
        ),
        migrations.AddConstraint(
            model_name='emergencyaccess',
            constraint=models.CheckConstraint(condition=models.Q(('confirmed_by', None), models.Q(('confirmed_by', models.F('requested_by')), _negated=True), _connector='OR'), name='emergency_by_two'),
        ),
        migrations.AddConstraint(
            model_name='emergencyaccess',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('confirmed_at', None), ('confirmed_by', None), ('ends_at', None), ('review_due_on', None)), models.Q(('confirmed_at__isnull', False), ('confirmed_by__isnull', False), ('ends_at__isnull', False), ('review_due_on__isnull', False)), _connector='OR'), name='emergency_confirmed_whole'),
        ),
        migrations.AddConstraint(
            model_name='emergencyaccess',
            constraint=models.CheckConstraint(condition=models.Q(('confirmed_at', None), ('confirmed_at__lte', models.F('confirm_until')), _connector='OR'), name='emergency_confirmed_in_time'),
        ),
        migrations.AddConstraint(
            model_name='emergencyaccess',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('reviewed_at', None), ('reviewed_by', None), ('verdict', '')), models.Q(('confirmed_at__isnull', False), ('reviewed_at__isnull', False), ('reviewed_by__isnull', False), models.Q(('verdict', ''), _negated=True), models.Q(('reviewed_by', models.F('requested_by')), _negated=True), models.Q(('reviewed_by', models.F('confirmed_by')), _negated=True)), _connector='OR'), name='emergency_reviewed_by_another'),
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
            model_name='identityprovider',
            trigger=pgtrigger.compiler.Trigger(name='capture', sql=pgtrigger.compiler.UpsertTriggerSql(execute="core_capture('id', 'created_at', 'institution_id', 'slug', 'name', 'issuer', 'client_id', 'factor_amr', 'factor_acr', 'is_active')", func='RETURN NULL;', hash='47382acbe1b3bd772e4d52a9c815ecce293fc826', operation='INSERT OR UPDATE OR DELETE', pgid='pgtrigger_capture_b9385', table='accounts_identityprovider', when='AFTER')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='identityprovider',
            trigger=pgtrigger.compiler.Trigger(name='no_truncate', sql=pgtrigger.compiler.UpsertTriggerSql(func="RAISE EXCEPTION '% must not be truncated', TG_TABLE_NAME USING ERRCODE = 'restrict_violation';", hash='510706fce7f5d85528eead2484e2d6be314c27c4', level='STATEMENT', operation='TRUNCATE', pgid='pgtrigger_no_truncate_57ad2', table='accounts_identityprovider', when='BEFORE')),
        ),
        migrations.AddConstraint(
            model_name='invitation',
            constraint=models.UniqueConstraint(condition=models.Q(('accepted_at', None), ('withdrawn_at', None)), fields=('user', 'institution', 'role'), name='invitation_waits_once', nulls_distinct=False),
        ),
        migrations.AddConstraint(
            model_name='invitation',
            constraint=models.CheckConstraint(condition=models.Q(('accepted_at', None), ('withdrawn_at', None), _connector='OR'), name='invitation_accepted_or_withdrawn'),
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
        migrations.RunPython(move, migrations.RunPython.noop),
        migrations.RunSQL("SET CONSTRAINTS ALL IMMEDIATE", migrations.RunSQL.noop),  # nothing may wait when tables go
        migrations.DeleteModel(
            name='RecoveryCode',
        ),
        migrations.DeleteModel(
            name='SecondFactor',
        ),
    ]
