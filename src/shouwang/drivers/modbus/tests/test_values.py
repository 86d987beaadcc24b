"""What registers say in every type and order, and which are read together."""

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shouwang.drivers.modbus.options import MOST_REGISTERS, Register
from shouwang.drivers.modbus.values import blocks, value


def register(**given: Any) -> Register:
    return msgspec.convert({"key": "k", "address": 0, **given}, Register)


@pytest.mark.parametrize(("given", "words", "says"), [
    ({"type": "int16"}, [0xFFE7], "-25"), ({"type": "uint16"}, [0xFFE7], "65511"),
    ({"type": "int32"}, [0xFFFF, 0xFFE7], "-25"), ({"type": "int32", "order": "CDAB"}, [0xFFE7, 0xFFFF], "-25"),
    ({"type": "uint32", "order": "BADC"}, [0x0100, 0x0302], str(0x00010203)),
    ({"type": "uint32", "order": "DCBA"}, [0x0302, 0x0100], str(0x00010203)),
    ({"type": "float32"}, [0x3F86, 0x6666], "1.05"), ({"type": "float32", "order": "CDAB"}, [0x6666, 0x3F86], "1.05"),
    ({"type": "float64"}, [0x3FF0, 0xCCCC, 0xCCCC, 0xCCCD], "1.05"),
    ({"type": "int64"}, [0xFFFF] * 4, "-1"), ({"type": "uint64", "order": "CDAB"}, [1, 0, 0, 0], "1"),
    ({"scale": "0.1", "offset": -40}, [650], "25.0"), ({"scale": 0.1}, [7], "0.7"),
    ({"type": "float32", "scale": 10}, [0x3F86, 0x6666], "10.50"),
    ({"bit": 3}, [0b1000], "1"), ({"bit": 2}, [0b1000], "0"), ({"table": "coil"}, [1], "1"),
])
def test_a_value(given: dict[str, Any], words: list[int], says: str) -> None:
    told = value(register(**given), words)
    assert (str(told["value"]), told["quality"]) == (says, "good")


@pytest.mark.parametrize(("given", "words"), [
    ({"type": "float32"}, [0x7FC0, 0]), ({"type": "float32"}, [0x7F80, 0]), ({"no_data": 0x8000}, [0x8000]),
    ({"type": "int16", "no_data": -32768, "scale": "0.1"}, [0x8000])])
def test_nothing_is_no_data_and_never_nought(given: dict[str, Any], words: list[int]) -> None:
    assert value(register(**given), words)["quality"] == "no_data"


def test_a_unit_goes_along() -> None:
    assert value(register(unit="kPa"), [7]) == {"value": 7, "quality": "good", "unit": "kPa"}


def test_neighbours_are_read_together_and_a_gap_only_where_allowed() -> None:
    found = [register(key=str(a), address=a) for a in (5, 0, 1, 3)]
    assert [(b.address, b.size) for b in blocks(found)] == [(0, 2), (3, 1), (5, 1)]
    assert [(b.address, b.size) for b in blocks(found, gap=1)] == [(0, 6)]


@given(st.lists(st.builds(register, key=st.uuids().map(str), address=st.integers(0, 400), type=st.sampled_from(
    ["int16", "float32", "int64"]), table=st.sampled_from(["holding", "coil"])), min_size=1), st.integers(0, 200))
def test_every_register_is_in_one_block_that_may_be_asked_for(found: list[Register], gap: int) -> None:
    made = blocks(found, gap)
    assert sorted(r.key for b in made for r in b.registers) == sorted(r.key for r in found)
    for block in made:
        assert block.size <= (MOST_REGISTERS if block.table == "holding" else 2000)
        assert {r.table for r in block.registers} == {block.table}
        assert len(block.values([0] * block.size)) == len(block.registers)
