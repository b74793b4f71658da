"""Who acts: somebody for an organisation in a role, by a session or an API key."""

from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar

from network.errors import Forbidden
from partners.models import Role


class PersonRequired(Forbidden):
    """Only a person may do this, and this API key belongs to none."""

    code = "person_required"


@dataclass(frozen=True, slots=True)
class Actor:
    """Somebody who acts for an organisation in one role, within scopes.

    Only an advertiser's actor has an `advertiser_id`, only an affiliate's an `affiliate_id`.
    """

    role: Role
    organisation_id: int
    scopes: frozenset[str]
    user_id: int | None = None
    key_id: int | None = None
    key_prefix: str = ""
    # How long the credentials live; None is a session or a key without an end.
    expires_at: datetime | None = None
    advertiser_id: int | None = None
    affiliate_id: int | None = None

    is_authenticated: ClassVar[bool] = True

    @property
    def label(self) -> str:
        """The opaque name under which events and journals keep the actor."""
        person = f"user:{self.user_id}" if self.user_id else ""
        key = f"key:pk_{self.key_prefix}" if self.key_id else ""
        return "/".join(filter(None, (key, person)))

    @property
    def capacity(self) -> str:
        """The person with the role and organisation acted for: whose Idempotency-Key it is.

        One person may repeat a key in another membership and mean another request. With which
        credentials somebody comes says nothing: a retry after a rotation of keys is a retry. All
        keys of an organisation's role that belong to nobody are one.
        """
        who = f"user:{self.user_id}" if self.user_id else "keys"
        return f"{who}@{self.role}:{self.organisation_id}"

    @property
    def sees_all(self) -> bool:
        """Whether the rows of every partner are visible."""
        return self.role in (Role.OPERATOR, Role.FINANCE)

    def person_id(self) -> int:
        """The person behind the actor; PersonRequired where there is none."""
        if self.user_id is None:
            raise PersonRequired()
        return self.user_id
