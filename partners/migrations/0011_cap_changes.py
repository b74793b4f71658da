"""A cap knows the change that perhaps not all of its windows have yet."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("partners", "0010_take_places_together")]

    operations = [
        migrations.AddField(
            model_name="cap", name="windows_due", field=models.UUIDField(null=True)
        ),
    ]
