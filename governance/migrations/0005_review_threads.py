"""Threads of reviews, the review that one renews, and what a person put aside in the inbox."""

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

import countersign.identifiers

TRIGGERS = """
CREATE TRIGGER thread_is_fixed BEFORE UPDATE ON governance_thread
    FOR EACH ROW EXECUTE FUNCTION registry_only_these_change('state', 'turned_by_label', 'turned_at');
CREATE TRIGGER thread_stays BEFORE DELETE ON governance_thread
    FOR EACH STATEMENT EXECUTE FUNCTION registry_refuse('what a thread hangs on stays on the record');
"""
DROPS = """
DROP TRIGGER thread_is_fixed ON governance_thread;
DROP TRIGGER thread_stays ON governance_thread;
"""


class Migration(migrations.Migration):
    dependencies = [
        ("governance", "0004_decision_constraints"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.AddField(
            model_name="review",
            name="renews",
            field=models.ForeignKey(
                null=True,
                on_delete=django.db.models.deletion.RESTRICT,
                related_name="renewals",
                to="governance.review",
            ),
        ),
        migrations.CreateModel(
            name="Thread",
            fields=[
                (
                    "id",
                    models.UUIDField(
                        default=countersign.identifiers.new_id,
                        editable=False,
                        primary_key=True,
                        serialize=False,
                    ),
                ),
                ("number", models.PositiveIntegerField()),
                ("anchor_key", models.CharField(max_length=700)),
                ("anchor", models.JSONField()),
                (
                    "state",
                    models.CharField(
                        choices=[("open", "Open"), ("resolved", "Resolved")], default="open", max_length=20
                    ),
                ),
                ("opened_by_label", models.CharField(max_length=200)),
                ("created_at", models.DateTimeField()),
                ("turned_by_label", models.CharField(blank=True, max_length=200)),
                ("turned_at", models.DateTimeField(null=True)),
                (
                    "review",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.RESTRICT,
                        related_name="threads",
                        to="governance.review",
                    ),
                ),
            ],
            options={
                "ordering": ["number"],
            },
        ),
        migrations.AddField(
            model_name="remark",
            name="thread",
            field=models.ForeignKey(
                null=True,
                on_delete=django.db.models.deletion.RESTRICT,
                related_name="remarks",
                to="governance.thread",
            ),
        ),
        migrations.CreateModel(
            name="Snooze",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("task", models.CharField(max_length=100)),
                ("until", models.DateField()),
                (
                    "person",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
            ],
            options={
                "constraints": [models.UniqueConstraint(fields=("person", "task"), name="snoozed_once")],
            },
        ),
        migrations.AddConstraint(
            model_name="thread",
            constraint=models.UniqueConstraint(fields=("review", "number"), name="thread_number_in_review"),
        ),
        migrations.RunSQL(TRIGGERS, DROPS),
    ]
