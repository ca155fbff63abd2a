"""Smaller indexes of the log: objects by a hash of their name, times and tables in one block-range index."""

import django.contrib.postgres.indexes
import provenance.fields
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('provenance', '0007_tile_root'),
    ]

    operations = [
        migrations.RemoveIndex(
            model_name='entry',
            name='provenance__object__38bda2_idx',
        ),
        migrations.RemoveIndex(
            model_name='entry',
            name='entry_at',
        ),
        migrations.RemoveIndex(
            model_name='entry',
            name='entry_table',
        ),
        migrations.AlterField(
            model_name='entry',
            name='object_id',
            field=provenance.fields.HashedTextField(),
        ),
        migrations.AddIndex(
            model_name='entry',
            index=django.contrib.postgres.indexes.BTreeIndex(models.Func(models.F('object_id'), function='hashtext', output_field=models.IntegerField()), models.F('seq'), deduplicate_items=False, name='entry_object'),
        ),
        migrations.AddIndex(
            model_name='entry',
            index=django.contrib.postgres.indexes.BrinIndex(fields=['at', 'table'], name='entry_at_table', opclasses=['timestamptz_minmax_ops', 'text_bloom_ops']),
        ),
    ]
