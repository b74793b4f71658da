"""Reports of other platforms name goals by number: those ids can move too."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("partners", "0007_smart_codes")]

    operations = [
        migrations.AlterField(
            model_name="externalid",
            name="kind",
            field=models.CharField(
                choices=[
                    ("offer", "Offer"),
                    ("affiliate", "Affiliate"),
                    ("landing", "Landing"),
                    ("goal", "Goal"),
                ],
                max_length=12,
            ),
        ),
    ]
