"""Sealed values open in their place only, and survive a rotation of keys."""

import pytest

from network.crypto import Unreadable, blind_index, open_, seal

PLACE = "payee_method/iban/7"
OLD, NEW = b"o" * 32, b"n" * 32


def test_a_sealed_value_opens_in_its_place():
    sealed = seal(b"DE89370400440532013000", aad=PLACE)
    assert b"3704" not in sealed
    assert open_(memoryview(sealed), aad=PLACE) == b"DE89370400440532013000"


def test_equal_values_are_sealed_differently():
    assert seal(b"same", aad=PLACE) != seal(b"same", aad=PLACE)


def test_a_value_moved_to_another_row_does_not_open():
    sealed = seal(b"DE89370400440532013000", aad=PLACE)
    with pytest.raises(Unreadable):
        open_(sealed, aad="payee_method/iban/8")


@pytest.mark.parametrize("sealed", [b"", b"t1:", b"t1:short", b"gone:" + b"x" * 40, b"\xff:" * 20])
def test_what_was_never_sealed_does_not_open(sealed):
    with pytest.raises(Unreadable):
        open_(sealed, aad=PLACE)


def test_a_changed_byte_is_noticed():
    sealed = bytearray(seal(b"DE89", aad=PLACE))
    sealed[-1] ^= 1
    with pytest.raises(Unreadable):
        open_(bytes(sealed), aad=PLACE)


def test_a_new_key_writes_while_the_old_one_still_reads(settings):
    settings.FIELD_KEYS = {"old": OLD}
    sealed = seal(b"secret", aad=PLACE)
    settings.FIELD_KEYS = {"new": NEW, "old": OLD}
    fresh = seal(b"secret", aad=PLACE)
    assert open_(sealed, aad=PLACE) == b"secret"
    settings.FIELD_KEYS = {"new": NEW}
    assert open_(fresh, aad=PLACE) == b"secret"
    with pytest.raises(Unreadable):
        open_(sealed, aad=PLACE)


def test_a_blind_index_finds_equals_and_needs_the_key(settings):
    first = blind_index("DE89370400440532013000")
    assert first == blind_index("DE89370400440532013000") != blind_index("DE89370400440532013001")
    settings.BLIND_INDEX_KEY = b"another key altogether"
    assert blind_index("DE89370400440532013000") != first
