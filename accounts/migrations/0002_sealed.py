"""Seal names and addresses. What the log held of people before (nothing but ids) stays; then it states how rows stand."""

import core.fields
import pgtrigger.compiler
import pgtrigger.migrations
from django.db import migrations


def seal(apps, schema_editor):
    for user in apps.get_model("accounts", "User").objects.all():
        user.email, user.name = str(user.email), str(user.name)
        user.save(update_fields=["email", "email_index", "name"])


class Migration(migrations.Migration):

    dependencies = [
        ('accounts', '0001_initial'),
        ('core', '0004_vault'),
    ]

    operations = [
        migrations.AlterModelOptions(
            name='user',
            options={'ordering': ['created_at', 'id']},
        ),
        pgtrigger.migrations.RemoveTrigger(
            model_name='user',
            name='capture',
        ),
        migrations.AddField(
            model_name='user',
            name='email_index',
            field=core.fields.BlindIndexField(editable=False, max_length=64, null=True, source='email', unique=True),
        ),
        migrations.AlterField(
            model_name='user',
            name='email',
            field=core.fields.SealedEmailField(blind_index='email_index', max_length=254, subject='id', unique=True),
        ),
        migrations.AlterField(
            model_name='user',
            name='name',
            field=core.fields.SealedTextField(max_length=120, subject='id'),
        ),
        migrations.RunPython(seal, migrations.RunPython.noop),
        pgtrigger.migrations.AddTrigger(
            model_name='user',
            trigger=pgtrigger.compiler.Trigger(name='capture', sql=pgtrigger.compiler.UpsertTriggerSql(execute="core_capture('id', 'created_at', 'email', 'name', 'is_active', 'is_staff', 'is_superuser')", func='RETURN NULL;', hash='8ee7e51f25b4ecb4863951ec507bb52ab1fb734c', operation='INSERT OR UPDATE OR DELETE', pgid='pgtrigger_capture_5c629', table='accounts_user', when='AFTER')),
        ),
        migrations.RunSQL("SELECT core_rebaseline('accounts_user')", migrations.RunSQL.noop),
    ]
