"""The settings for tools that look at the code without an environment, such as mypy."""

import os

os.environ.setdefault("MODE", "test")

from network.settings import *  # noqa: F403  (after MODE, which it reads)
