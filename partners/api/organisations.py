"""`organisations` and `memberships`: who acts for whom; the operator brings people in."""

from typing import Any

from django.db.models import QuerySet
from drf_spectacular.utils import extend_schema
from rest_framework import mixins, serializers
from rest_framework.request import Request
from rest_framework.response import Response

from network.api.filters import IdFilter, StrictFilterSet
from network.api.serializers import StrictSerializer
from partners import people
from partners.api.relations import Visible
from partners.api.resources import Resource
from partners.api.sessions import OrganisationOutput, PersonOutput
from partners.models import Membership, Organisation, Role


class NewPersonInput(StrictSerializer):
    """A person by address; name and first password are for one whom the network does not know."""

    email = serializers.EmailField(max_length=254)
    name = serializers.CharField(max_length=120, required=False)
    password = serializers.CharField(
        max_length=200, trim_whitespace=False, required=False, write_only=True
    )


class MembershipInput(NewPersonInput):
    """A person's role in an organisation."""

    organisation = Visible(people.visible_organisations)
    role = serializers.ChoiceField(choices=Role.choices)


class MembershipOutput(serializers.ModelSerializer[Membership]):
    """Who has the role."""

    person = PersonOutput(source="user", read_only=True)
    organisation = OrganisationOutput(read_only=True)

    class Meta:
        model = Membership
        fields = ("id", "person", "organisation", "role", "created_at")
        read_only_fields = fields


class MembershipFilter(StrictFilterSet):
    """Memberships of one organisation or in one role."""

    organisation = IdFilter("organisation_id")

    class Meta:
        model = Membership
        fields = ("role",)


class OrganisationViews(mixins.ListModelMixin, mixins.RetrieveModelMixin, Resource):
    """The network's own organisation and those of its partners."""

    queryset = Organisation.objects.all()
    serializer_class = OrganisationOutput
    roles = (Role.OPERATOR, Role.FINANCE)
    scope = dict.fromkeys(("list", "retrieve"), "partners:read")

    def get_queryset(self) -> QuerySet[Organisation]:
        return people.visible_organisations(self.actor)


class MembershipViews(mixins.ListModelMixin, mixins.RetrieveModelMixin, Resource):
    """The people of one's own organisation; the operator gives and takes roles."""

    queryset = Membership.objects.all()
    serializer_class = MembershipOutput
    filterset_class = MembershipFilter
    roles = {
        "list": Role.values,
        "retrieve": Role.values,
        "create": (Role.OPERATOR,),
        "destroy": (Role.OPERATOR,),
    }
    scope = {
        "list": "partners:read",
        "retrieve": "partners:read",
        "create": "partners:write",
        "destroy": "partners:write",
    }

    def get_queryset(self) -> QuerySet[Membership]:
        organisations = people.visible_organisations(self.actor)
        memberships = Membership.objects.filter(organisation__in=organisations)
        return memberships.select_related("user", "organisation")

    @extend_schema(request=MembershipInput, responses={201: MembershipOutput})
    def create(self, request: Request) -> Response:
        """Give a person a role; people in finance are added with `manage.py add_person` alone.

        An operator, a person in finance and a partner's person are three people.
        """
        data: dict[str, Any] = self.checked(MembershipInput)
        membership = people.add_member(**{**data, "role": Role(data["role"])}, actor=self.actor)
        return Response(MembershipOutput(membership).data, status=201)

    def destroy(self, request: Request, pk: str) -> Response:
        """Take the role away; the person's keys in it are revoked at once.

        Keys that belong to nobody (in `api-keys` their `person` is null) are the organisation's and
        stay: turn over those whose `issuer` the person is.
        """
        people.remove_member(self.get_object(), actor=self.actor)
        return Response(status=204)
