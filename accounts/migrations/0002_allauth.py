"""Views of allauth's own tables, which in their turn need our people.

One of allauth's migrations asks for addresses in lower case, which sealed ones cannot answer: they are sealed after it.
"""

import core.fields
import pgtrigger.compiler
import pgtrigger.migrations
from django.db import migrations


class Migration(migrations.Migration):

    dependencies = [
        ('accounts', '0001_initial'),
        ('account', '0009_emailaddress_unique_primary_email'),
        ('mfa', '0003_authenticator_type_uniq'),
        ('socialaccount', '0006_alter_socialaccount_extra_data'),
    ]

    operations = [
        migrations.AlterField(
            model_name='user',
            name='email',
            field=core.fields.SealedEmailField(blind_index='email_index', max_length=254, subject='id', unique=True),
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
    ]
