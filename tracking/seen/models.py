"""Impressions and page events, which the tracker fills by COPY and everybody else only reads.

Partitioned by day like clicks, and dropped with them; `ts` is the time inside the id.
"""

from django.contrib.postgres.fields import ArrayField
from django.db import models


class Impression(models.Model):
    """One showing of a link's creative, as far as its picture of one pixel tells."""

    pk = models.CompositePrimaryKey("id", "ts")
    id = models.UUIDField()
    ts = models.DateTimeField()
    link_id = models.BigIntegerField()
    affiliate_id = models.BigIntegerField()
    offer_id = models.BigIntegerField()
    advertiser_id = models.BigIntegerField()
    source = models.TextField(null=True)
    subs = ArrayField(models.TextField(null=True), null=True)
    # NULL for who opts out by Sec-GPC or refuses, as are the two below; else as CLICK_IP says.
    ip = models.GenericIPAddressField(null=True)
    user_agent = models.TextField(null=True)
    referrer = models.TextField(null=True)

    class Meta:
        db_table = "impression"
        managed = False

    def __str__(self) -> str:
        return str(self.id)


class PageEvent(models.Model):
    """Something that happened on the advertiser's pages after a click, told by the script.

    It belongs to whom its click belongs. Nobody has signed it: it is told by a browser.
    """

    pk = models.CompositePrimaryKey("id", "ts")
    id = models.UUIDField()
    ts = models.DateTimeField()
    click_id = models.UUIDField()
    name = models.TextField()
    # Without query and fragment, which hold what people have typed.
    path = models.TextField()

    class Meta:
        db_table = "page_event"
        managed = False

    def __str__(self) -> str:
        return str(self.id)
