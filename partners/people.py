"""People: signing in, and the roles in which they act for organisations."""

from django.contrib.auth import authenticate
from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction
from django.db.models import QuerySet

from network import clock, constraints
from network.errors import BadInput, Conflict, Forbidden, Unauthenticated
from partners import keys
from partners.actors import Actor
from partners.models import Advertiser, Affiliate, Membership, Organisation, Role, User


class SignInFailed(Unauthenticated):
    """The address or the password is wrong."""

    code = "sign_in_failed"


class PasswordWeak(BadInput):
    """The password is too easy to guess."""

    code = "password_weak"


class PasswordWrong(BadInput):
    """The present password is wrong."""

    code = "password_wrong"


class PasswordMissing(BadInput):
    """A person whom the network does not know yet needs a first password."""

    code = "password_missing"


class PersonExists(BadInput):
    """This person has a password already; leave it out."""

    code = "person_exists"


class RoleDoesNotFit(BadInput):
    """Advertisers and affiliates act for their own organisation, operators and finance for ours."""

    code = "role_does_not_fit"


class AlreadyMember(Conflict):
    """The person has this role in this organisation already."""

    code = "already_member"


class OwnMembership(Conflict):
    """Nobody gives themselves a role or takes their own away: another operator does."""

    code = "own_membership"


class RolesApart(Conflict):
    """An operator, a person in finance and a partner's person are three people."""

    code = "roles_apart"


class FinanceByConsole(Forbidden):
    """People in finance are added on the server, with `manage.py add_person`."""

    code = "finance_by_console"


def visible_organisations(actor: Actor) -> QuerySet[Organisation]:
    """All for the network's people, else one's own."""
    if actor.sees_all:
        return Organisation.objects.all()
    return Organisation.objects.filter(pk=actor.organisation_id)


def sign_in(*, email: str, password: str) -> User:
    """The active person with this address and password; SignInFailed alike for every mistake."""
    user = authenticate(username=email.lower(), password=password)
    if not isinstance(user, User):
        raise SignInFailed()
    return user


def change_password(*, user: User, old: str, new: str) -> None:
    """Set a person's password, proven by the old one; PasswordWrong, PasswordWeak."""
    if not user.check_password(old):
        raise PasswordWrong(pointer="/old")
    _check_strength(new, user, pointer="/new")
    user.set_password(new)
    user.save(update_fields=["password"])


def add_member(
    *,
    organisation: Organisation,
    role: Role,
    email: str,
    name: str = "",
    password: str = "",
    at: str = "",
    actor: Actor | None = None,
) -> Membership:
    """Give a person a role in an organisation; a person not known yet is created with the password.

    `at` is the JSON pointer of where the person stood in the input; no `actor` is the server's own
    console. Raises RoleDoesNotFit, AlreadyMember, RolesApart, OwnMembership, FinanceByConsole,
    PasswordMissing, PasswordWeak, PersonExists.
    """
    _check_role(organisation, role)
    if actor is not None and role == Role.FINANCE:
        # Else an operator would sign in as a person of her own making, and pay.
        raise FinanceByConsole(pointer="/role")
    with transaction.atomic():
        user = _person(email=email.lower(), name=name, password=password, at=at)
        if actor is not None and user.pk == actor.user_id:
            raise OwnMembership(pointer=f"{at}/email")
        try:
            with transaction.atomic():
                return Membership.objects.create(
                    user=user, organisation=organisation, role=role, created_at=clock.now()
                )
        except IntegrityError as error:
            if constraints.broken(error) == "membership_apart":
                raise RolesApart(pointer=f"{at}/email") from error
            raise AlreadyMember() from error


def remove_member(membership: Membership, *, actor: Actor) -> None:
    """Take a role away, and with it the person's keys in it; OwnMembership for one's own.

    The keys stay dead if the person is given the role again. Keys that belong to nobody stay alive,
    as they are the organisation's; their `issuer` says which of them the person was shown.
    """
    if membership.user_id == actor.user_id:
        raise OwnMembership()
    with transaction.atomic():
        # A key that the person is being issued is there already, or finds no membership any more.
        Organisation.objects.select_for_update().get(pk=membership.organisation_id)
        keys.revoke_all(membership)
        membership.delete()


def _person(*, email: str, name: str, password: str, at: str) -> User:
    pointer = f"{at}/password"
    known = User.objects.filter(email=email).first()
    if known is not None:
        if password:
            raise PersonExists(pointer=pointer)
        return known
    if not password:
        raise PasswordMissing(pointer=pointer)
    _check_strength(password, User(email=email, name=name), pointer=pointer)
    try:
        with transaction.atomic():
            return User.objects.create_user(email, password, name=name)
    except IntegrityError as error:
        # Created by another request since we looked.
        raise PersonExists(pointer=pointer) from error


def _check_role(organisation: Organisation, role: Role) -> None:
    is_advertiser = Advertiser.objects.filter(organisation=organisation).exists()
    is_affiliate = Affiliate.objects.filter(organisation=organisation).exists()
    fits = {
        Role.ADVERTISER: is_advertiser,
        Role.AFFILIATE: is_affiliate,
        # A partner's people must never be able to move the network's money.
        Role.OPERATOR: not (is_advertiser or is_affiliate),
        Role.FINANCE: not (is_advertiser or is_affiliate),
    }
    if not fits[role]:
        raise RoleDoesNotFit(pointer="/role")


def _check_strength(password: str, user: User, *, pointer: str) -> None:
    try:
        validate_password(password, user)
    except ValidationError as error:
        raise PasswordWeak(" ".join(error.messages), pointer=pointer) from error
