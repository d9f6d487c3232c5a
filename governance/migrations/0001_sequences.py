"""The sequences behind the numbers people say."""

from django.db import migrations

NAMES = ("evaluation", "review", "promotion", "audit_export")


class Migration(migrations.Migration):
    initial = True
    dependencies = []
    operations = [
        migrations.RunSQL(
            [f"CREATE SEQUENCE governance_{name}_number AS bigint" for name in NAMES],
            [f"DROP SEQUENCE governance_{name}_number" for name in NAMES],
        )
    ]
