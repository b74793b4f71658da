"""The version of everything that the tracker keeps in memory."""

import uuid

from django.db import models


class ConfigVersion(models.Model):
    """One row; statement triggers add one in the transaction that changes a link, an offer, a key.

    A row and not a sequence: a sequence can be read before the change that it announces is visible.
    What changed with each version is in the table `config_change`, which only the triggers write.
    """

    id = models.PositiveSmallIntegerField(primary_key=True)
    version = models.BigIntegerField()
    # New with every version: tells histories apart that count alike.
    mark = models.UUIDField(default=uuid.uuid4)

    class Meta:
        db_table = "config_version"
        constraints = [
            models.CheckConstraint(condition=models.Q(id=1), name="config_version_one_row"),
        ]

    def __str__(self) -> str:
        return str(self.version)
