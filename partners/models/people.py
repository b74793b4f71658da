"""People, the organisations they belong to, and the keys that act for them."""

from typing import ClassVar

from django.contrib.auth.base_user import AbstractBaseUser, BaseUserManager
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models.functions import Lower

from network import clock


class Role(models.TextChoices):
    """What a member may do in the name of an organisation."""

    OPERATOR = "operator"
    ADVERTISER = "advertiser"
    AFFILIATE = "affiliate"
    FINANCE = "finance"


class UserManager(BaseUserManager["User"]):
    """Makes people; the address is the log-in."""

    def create_user(self, email: str, password: str | None = None, *, name: str = "") -> "User":
        """Store a person; without a password nobody can sign in as them."""
        user = self.model(email=email.lower(), name=name, created_at=clock.now())
        user.set_password(password)
        user.save(using=self._db)
        return user


class User(AbstractBaseUser):
    """A person. Approvals are given by people, so money can always be traced to one."""

    email = models.EmailField(unique=True)
    name = models.CharField(max_length=120, blank=True)
    is_active = models.BooleanField(default=True)
    created_at = models.DateTimeField()

    objects: ClassVar[UserManager] = UserManager()

    USERNAME_FIELD = "email"
    REQUIRED_FIELDS: ClassVar[list[str]] = []

    class Meta:
        db_table = "person"
        constraints = [
            # Stored in lower case, so that unique means unique to a reader too.
            models.CheckConstraint(
                condition=models.Q(email=Lower("email")), name="person_email_lower_case"
            ),
        ]

    def __str__(self) -> str:
        return self.email


class Organisation(models.Model):
    """A company or a sole trader; members act for it in a role."""

    name = models.CharField(max_length=200)
    created_at = models.DateTimeField()

    class Meta:
        db_table = "organisation"

    def __str__(self) -> str:
        return self.name


class Membership(models.Model):
    """A person acts for an organisation in one role; several rows give several roles."""

    user = models.ForeignKey(User, models.PROTECT, related_name="memberships")
    organisation = models.ForeignKey(Organisation, models.PROTECT, related_name="memberships")
    role = models.CharField(max_length=20, choices=Role.choices)
    created_at = models.DateTimeField()

    class Meta:
        db_table = "membership"
        constraints = [
            models.UniqueConstraint(
                fields=["user", "organisation", "role"], name="membership_once"
            ),
            models.CheckConstraint(
                condition=models.Q(role__in=Role.values), name="membership_role_known"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.user} as {self.role} of {self.organisation}"


class ApiKey(models.Model):
    """A machine's key: one organisation, one role, a list of scopes; only its digest is kept.

    A key may belong to a person. One that does not can read and write within its scopes, but never
    approve, because an approval needs somebody who can be asked about it.
    """

    prefix = models.CharField(max_length=16, unique=True)
    digest = models.CharField(max_length=64)
    name = models.CharField(max_length=120)
    user = models.ForeignKey(User, models.PROTECT, null=True, related_name="+")
    # Who was shown the key; None where another key of nobody has issued it.
    issuer = models.ForeignKey(User, models.PROTECT, null=True, related_name="+")
    organisation = models.ForeignKey(Organisation, models.PROTECT, related_name="+")
    role = models.CharField(max_length=20, choices=Role.choices)
    scopes = ArrayField(models.CharField(max_length=40))
    created_at = models.DateTimeField()
    expires_at = models.DateTimeField(null=True)
    revoked_at = models.DateTimeField(null=True)
    last_used_at = models.DateTimeField(null=True)

    class Meta:
        db_table = "api_key"
        constraints = [
            models.CheckConstraint(
                condition=models.Q(role__in=Role.values), name="api_key_role_known"
            ),
        ]

    def __str__(self) -> str:
        return self.prefix
