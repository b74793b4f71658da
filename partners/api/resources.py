"""What the endpoints of partners share: an actor that is allowed, and bodies that are checked."""

from typing import Any, ClassVar

from rest_framework.serializers import BaseSerializer

from network.api.views import EndpointMixin, ResourceViewSet
from partners.actors import Actor
from partners.auth import Allowed


class ActorMixin(EndpointMixin):
    """A view that only allowed actors reach; see `Allowed` for `scope` and `roles`."""

    permission_classes = (Allowed,)
    scope: ClassVar[dict[str, str]] = {}
    roles: ClassVar[Any] = ()

    @property
    def actor(self) -> Actor:
        """Who asks."""
        actor: Actor = self.request.user  # type: ignore[assignment]  # by our classes
        return actor

    def checked(self, kind: type[BaseSerializer[Any]], **options: Any) -> dict[str, Any]:
        """The body as `kind` reads it; a ValidationError lists every fault."""
        context = {"request": self.request, "view": self}
        serializer = kind(data=self.request.data, context=context, **options)
        serializer.is_valid(raise_exception=True)
        return dict(serializer.validated_data)


class Resource(ActorMixin, ResourceViewSet):
    """A collection of partners' things and its members."""

    lookup_value_converter = "int"

    def get_serializer_class(self) -> type[BaseSerializer[Any]]:
        """What the actor gets to see; the schema is written for nobody, and shows the most."""
        if getattr(self, "swagger_fake_view", False):
            return super().get_serializer_class()
        return self.serializer_for(self.actor)

    def serializer_for(self, actor: Actor) -> type[BaseSerializer[Any]]:
        """The same for everybody, unless a view says otherwise."""
        return super().get_serializer_class()
