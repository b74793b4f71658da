"""Django with API and portal; `network.asgi` reads the bodies in front of it."""

import os

import django
from django.core.handlers.wsgi import WSGIHandler

from network import checks

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "network.settings")
django.setup(set_prefix=False)
checks.refuse_uncollected_files()

application = WSGIHandler()
