"""The click table, which the tracker fills by COPY and everybody else only reads."""

from django.contrib.postgres.fields import ArrayField
from django.db import models


class Click(models.Model):
    """One answered visit to a link, good or not; `reason` says which ("ok" is a good one).

    Partitioned by day over `ts`, which is the time inside the id, so one id alone leads to one
    partition. Nothing has a foreign key to it: partitions are dropped when their time is over.
    """

    pk = models.CompositePrimaryKey("id", "ts")
    id = models.UUIDField()
    ts = models.DateTimeField()
    # 0 stands for "unknown": a link code that nobody has.
    link_id = models.BigIntegerField()
    affiliate_id = models.BigIntegerField()
    offer_id = models.BigIntegerField()
    advertiser_id = models.BigIntegerField()
    reason = models.CharField(max_length=24)
    link_code = models.CharField(max_length=64)
    destination = models.TextField()
    source = models.TextField(null=True)
    aff_click_id = models.TextField(null=True)
    subs = ArrayField(models.TextField(null=True), null=True)
    ip = models.GenericIPAddressField(null=True)
    user_agent = models.TextField(null=True)
    referrer = models.TextField(null=True)
    language = models.TextField(null=True)
    landing_id = models.BigIntegerField(default=0)
    smart_link_id = models.BigIntegerField(default=0)
    sub_source = models.TextField(null=True)
    country = models.TextField(null=True)
    region = models.TextField(null=True)
    device = models.TextField(null=True)
    os = models.TextField(null=True)
    browser = models.TextField(null=True)
    # What is odd about it, in words: a bot, a prefetch, no consent.
    marks = ArrayField(models.TextField(), null=True)
    # Equal for equal visitors of one day, offer and affiliate; tells nothing by itself.
    visitor = models.BigIntegerField(null=True)

    class Meta:
        db_table = "click"
        managed = False

    def __str__(self) -> str:
        return str(self.id)
