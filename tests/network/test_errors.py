"""The error tree: codes are unique, stable, and drawn in the docstring."""

import re

from network import errors
from network.errors import BadInput, FieldError, NotEnoughRoom, PeractionError
from tests.kinds import kinds_of


def test_every_code_is_used_once():
    codes = [kind.code for kind in kinds_of(PeractionError)]
    assert len(codes) == len(set(codes))


def test_the_docstring_draws_the_tree_as_it_is():
    drawn = re.findall(r"(\w+) +(\d{3})  (\w+)$", errors.__doc__, re.MULTILINE)
    own = [kind for kind in kinds_of(PeractionError) if kind.__module__ == "network.errors"]
    assert sorted(drawn) == sorted(
        (kind.__name__, str(int(kind.status)), kind.code) for kind in own
    )


def test_the_message_is_the_docstring_unless_told():
    assert str(NotEnoughRoom()) == "A cap or the advertiser's funds have no room for this."
    assert str(NotEnoughRoom("The cap of May is full.")) == "The cap of May is full."
    assert NotEnoughRoom().title == "No room"


def test_a_pointer_becomes_the_one_field_error():
    error = BadInput("Too short.", pointer="/name")
    assert error.errors == (FieldError("/name", "invalid", "Too short."),)
