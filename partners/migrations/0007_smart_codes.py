"""No code is ever a link's and a smart link's; and what was learned gets its counts."""

import django.db.models.deletion
from django.db import migrations, models
from django.db.models import Q


class Migration(migrations.Migration):
    dependencies = [("partners", "0006_cap_windows")]

    operations = [
        migrations.AddConstraint(
            model_name="link",
            constraint=models.CheckConstraint(
                condition=~Q(code__startswith="s-"), name="link_code"
            ),
        ),
        migrations.AddConstraint(
            model_name="smartlink",
            constraint=models.CheckConstraint(
                condition=Q(code__startswith="s-"), name="smart_link_code"
            ),
        ),
        migrations.CreateModel(
            name="SmartEvidence",
            fields=[
                (
                    "weight",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.CASCADE,
                        primary_key=True,
                        related_name="evidence",
                        serialize=False,
                        to="partners.smartweight",
                    ),
                ),
                ("clicks", models.BigIntegerField()),
                ("conversions", models.BigIntegerField()),
                ("commission_micros", models.BigIntegerField()),
                ("counted_at", models.DateTimeField()),
            ],
            options={"db_table": "smart_evidence"},
        ),
    ]
