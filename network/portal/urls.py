"""Where the portal is."""

from django.urls import path

from network.portal.views import Portal

urlpatterns = [path("", Portal.as_view(), name="portal")]
