import django.db.models.deletion
import django.utils.timezone
import pgtrigger.compiler
import pgtrigger.migrations
import uuid
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('accounts', '0001_initial'),
        ('provenance', '0003_log'),
    ]

    operations = [
        migrations.CreateModel(
            name='Witness',
            fields=[
                ('id', models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ('created_at', models.DateTimeField(default=django.utils.timezone.now, editable=False)),
                ('site', models.SlugField(blank=True, max_length=40)),
                ('name', models.CharField(max_length=200, unique=True)),
                ('vkeys', models.TextField()),
                ('url', models.URLField(blank=True)),
                ('is_active', models.BooleanField(default=True)),
                ('institution', models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='witnesses', to='accounts.institution')),
            ],
            options={
                'ordering': ['name'],
            },
        ),
        migrations.CreateModel(
            name='WitnessState',
            fields=[
                ('witness', models.OneToOneField(on_delete=django.db.models.deletion.PROTECT, primary_key=True, related_name='state', serialize=False, to='provenance.witness')),
                ('size', models.BigIntegerField(default=0)),
                ('cosigned_at', models.DateTimeField(null=True)),
                ('asked_at', models.DateTimeField(null=True)),
                ('answered_at', models.DateTimeField(null=True)),
                ('problem', models.CharField(blank=True, choices=[('', 'none'), ('away', 'does not answer'), ('refused', 'refuses'), ('false', 'answers with a false cosignature'), ('clock', 'has a wrong clock'), ('forgot', 'has forgotten what it cosigned'), ('ahead', 'has cosigned more than this database holds'), ('split', 'holds another history')], default='', max_length=10)),
                ('problem_text', models.TextField(blank=True)),
                ('highest', models.BigIntegerField(default=0)),
                ('highest_root', models.BinaryField(default=b'')),
                ('highest_note', models.TextField(blank=True)),
            ],
        ),
        migrations.CreateModel(
            name='Cosignature',
            fields=[
                ('id', models.BigAutoField(primary_key=True, serialize=False)),
                ('key_id', models.CharField(max_length=8)),
                ('timestamp', models.BigIntegerField()),
                ('line', models.TextField()),
                ('received_at', models.DateTimeField(default=django.utils.timezone.now)),
                ('checkpoint', models.ForeignKey(db_column='size', on_delete=django.db.models.deletion.PROTECT, related_name='cosignatures', to='provenance.checkpoint')),
                ('witness', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='cosignatures', to='provenance.witness')),
            ],
            options={
                'ordering': ['-checkpoint_id', 'witness_id', 'key_id'],
            },
        ),
        migrations.AddConstraint(
            model_name='witness',
            constraint=models.UniqueConstraint(condition=models.Q(('site', ''), _negated=True), fields=('site',), name='witness_site_once'),
        ),
        migrations.AddConstraint(
            model_name='witness',
            constraint=models.CheckConstraint(condition=models.Q(('site', ''), ('url', ''), _connector='XOR'), name='witness_one_way'),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='witness',
            trigger=pgtrigger.compiler.Trigger(name='capture', sql=pgtrigger.compiler.UpsertTriggerSql(execute="core_capture('id', 'created_at', 'institution_id', 'site', 'name', 'vkeys', 'url', 'is_active')", func='RETURN NULL;', hash='4f569cbb2ec889bc79eda94f1ed7e42e338c06df', operation='INSERT OR UPDATE OR DELETE', pgid='pgtrigger_capture_cdeb9', table='provenance_witness', when='AFTER')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='witness',
            trigger=pgtrigger.compiler.Trigger(name='no_truncate', sql=pgtrigger.compiler.UpsertTriggerSql(func="RAISE EXCEPTION '% must not be truncated', TG_TABLE_NAME USING ERRCODE = 'restrict_violation';", hash='d396be95fc2c0daccc78b2d75b5eaabb555abeb0', level='STATEMENT', operation='TRUNCATE', pgid='pgtrigger_no_truncate_41c89', table='provenance_witness', when='BEFORE')),
        ),
        migrations.AddConstraint(
            model_name='cosignature',
            constraint=models.UniqueConstraint(fields=('checkpoint', 'witness', 'key_id'), name='cosignature_once'),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='cosignature',
            trigger=pgtrigger.compiler.Trigger(name='append_only', sql=pgtrigger.compiler.UpsertTriggerSql(func="RAISE EXCEPTION '% is append-only: % refused', TG_TABLE_NAME, TG_OP USING ERRCODE = 'restrict_violation';", hash='13bf04331fc90a19434a43b1e073d3e6962eee4a', operation='UPDATE OR DELETE', pgid='pgtrigger_append_only_86342', table='provenance_cosignature', when='BEFORE')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='cosignature',
            trigger=pgtrigger.compiler.Trigger(name='no_truncate', sql=pgtrigger.compiler.UpsertTriggerSql(func="RAISE EXCEPTION '% must not be truncated', TG_TABLE_NAME USING ERRCODE = 'restrict_violation';", hash='ad265812d0406f808010b19e296129b254c2a2f1', level='STATEMENT', operation='TRUNCATE', pgid='pgtrigger_no_truncate_11c7f', table='provenance_cosignature', when='BEFORE')),
        ),
    ]
