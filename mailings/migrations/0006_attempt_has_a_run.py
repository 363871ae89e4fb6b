import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ("mailings", "0005_fill_statistics"),
    ]

    operations = [
        migrations.AlterField(
            model_name="attempt",
            name="run",
            field=models.ForeignKey(db_constraint=False, db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name="attempt_rows", to="mailings.run"),
        ),
    ]
