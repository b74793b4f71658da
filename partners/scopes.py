"""What each role may ever do through the API; a key holds some of its role's scopes."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from partners.models import Role

_READ_ALL: Final = frozenset(
    {
        "clicks:read",
        "commissions:read",
        "conversions:read",
        "funds:read",
        "links:read",
        "offers:read",
        "partners:read",
        "payees:read",
        "payouts:read",
        "postbacks:read",
        "reports:read",
    }
)

# Operators make deals and decide on actions; finance moves the money. Neither can do the other's.
SCOPES: Final[Mapping[Role, frozenset[str]]] = MappingProxyType(
    {
        Role.OPERATOR: _READ_ALL
        | {
            "conversions:write",
            "keys:write",
            "links:write",
            "offers:write",
            "partners:write",
            "postbacks:write",
        },
        Role.FINANCE: _READ_ALL | {"funds:write", "keys:write", "payouts:approve", "payouts:write"},
        Role.ADVERTISER: frozenset(
            {
                "clicks:read",
                "conversions:read",
                "conversions:write",
                "funds:read",
                "keys:write",
                "offers:read",
                "offers:write",
                "partners:read",
                "partners:write",
                "reports:read",
            }
        ),
        Role.AFFILIATE: frozenset(
            {
                "clicks:read",
                "commissions:read",
                "conversions:read",
                "keys:write",
                "links:read",
                "links:write",
                "offers:read",
                "partners:read",
                "payees:read",
                "payees:write",
                "payouts:read",
                "postbacks:read",
                "postbacks:write",
                "reports:read",
            }
        ),
    }
)
ALL_SCOPES: Final = frozenset().union(*SCOPES.values())
