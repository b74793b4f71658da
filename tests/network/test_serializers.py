"""What a strict serializer takes for what it is, and what it refuses."""

import pytest
from rest_framework import serializers

from network.api.problems import field_errors
from network.api.serializers import StrictSerializer


class Note(StrictSerializer):
    text = serializers.CharField(required=False, allow_null=True)
    count = serializers.IntegerField(required=False)
    loud = serializers.BooleanField(required=False)
    at = serializers.DateTimeField(required=False)
    mood = serializers.ChoiceField(["calm", "loud"], required=False)
    moods = serializers.ListField(child=serializers.ChoiceField(["calm", "loud"]), required=False)
    extra = serializers.DictField(required=False)


class Letter(StrictSerializer):
    note = Note()


def codes(body):
    """The codes by field of a body that is refused, nothing for one that is taken."""
    note = Note(data=body)
    note.is_valid()
    return {name: [fault.code for fault in faults] for name, faults in note.errors.items()}


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("text", 5),
        ("text", 5.0),
        ("text", True),
        ("text", ["a"]),
        ("count", "12"),
        ("count", 12.0),
        ("count", True),
        ("loud", "yes"),
        ("loud", 1),
        ("at", 1795305600),
    ],
)
def test_a_value_of_another_json_type_is_refused(field, value):
    assert codes({field: value}) == {field: ["invalid"]}


def test_values_of_the_right_types_and_null_are_taken():
    body = {"text": None, "count": 12, "loud": True, "at": "2026-03-01T00:00:00Z"}
    assert codes(body) == {}


def test_an_unknown_field_is_named():
    assert codes({"txet": "a"}) == {"txet": ["unknown_field"]}


def faults(kind, body):
    """The messages of a body that is refused, one after another."""
    said = kind(data=body)
    assert not said.is_valid()
    return {fault.detail for fault in field_errors(said.errors)}


def test_a_choice_that_there_is_not_is_told_those_that_there_are():
    told = {'"daily" is not a valid choice: send one of calm, loud.'}
    assert faults(Note, {"mood": "daily"}) == told
    assert faults(Letter, {"note": {"moods": ["daily"]}}) == told


@pytest.mark.parametrize(
    ("kind", "body"), [(Note, 5), (Letter, {"note": 5}), (Note, {"extra": [5]})]
)
def test_what_is_no_object_where_one_is_needed_is_told_so(kind, body):
    assert faults(kind, body) == {"This has to be an object."}
