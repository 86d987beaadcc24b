"""Births, aliases, sequence numbers and deaths, without a broker."""

import json
import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shouwang.drivers.configured import Setting
from shouwang.drivers.rows import Malformed
from shouwang.drivers.sparkplug import packet
from shouwang.drivers.sparkplug.packet import Topic
from shouwang.drivers.sparkplug.session import options
from shouwang.drivers.sparkplug.state import Heard, Nodes
from shouwang.kernel.errors import BadInput

T = 1_718_000_000_000
ALIASED = [{"name": "level", "alias": 1, "datatype": 9, "float_value": 0.1, "timestamp": T - 5000},
           {"name": "count", "alias": 2, "datatype": 3, "int_value": -5}]


class Story:
    """One node's messages in order, at their own time."""

    def __init__(self) -> None:
        self.nodes, self.now = Nodes(), T

    def hear(self, kind: str, seq: int | None = None, *metrics: dict[str, Any], device: str = "D",
             at: int = T) -> Heard:
        topic = Topic("G", kind, "N", device if kind[0] == "D" else None)
        return self.nodes.hear(topic, packet.packed({"timestamp": at, "seq": seq, "metrics": metrics}), self.now)

    def born(self, number: int = 0) -> "Story":
        self.hear("NBIRTH", 0, bd(number))
        self.hear("DBIRTH", 1, *ALIASED)
        return self


def bd(number: int) -> dict[str, Any]:
    return {"name": "bdSeq", "datatype": 4, "long_value": number, "timestamp": T}


def values(heard: Heard) -> list[tuple[str | None, int | None, dict[str, Any]]]:
    return [tuple(row) for row in heard.rows]  # type: ignore[misc]


def test_a_birth_confirms_values_at_the_time_it_was_published() -> None:
    story = Story()
    assert not story.hear("NBIRTH", 0, bd(0)).rows
    assert values(story.hear("DBIRTH", 1, *ALIASED)) == [("G/N/D", T, {"level": "0.1", "count": -5})]


def test_data_by_alias_take_name_and_type_from_the_birth() -> None:
    heard = Story().born().hear("DDATA", 2, {"alias": 2, "int_value": -7, "timestamp": T + 9})
    assert values(heard) == [("G/N/D", T + 9, {"count": -7})]
    assert not heard.rebirth


def test_an_alias_of_another_device_means_nothing() -> None:
    story = Story().born()
    heard = story.hear("DDATA", 2, {"alias": 1, "float_value": 9.0}, device="other")
    assert (heard.rows, [r for r, _ in heard.refused], heard.rebirth) == ([], ["unknown_alias"], True)


def test_sequence_numbers_wrap() -> None:
    story = Story().born()
    for n in range(2, 600):
        assert not story.hear("DDATA", n % 256, {"alias": 1, "float_value": 1.0}).rebirth


@pytest.mark.parametrize("seq", [1, 3, 255, None])
def test_a_gap_makes_aliases_worthless_until_the_rebirth_but_names_stand(seq: int | None) -> None:
    story = Story().born()
    heard = story.hear("DDATA", seq, {"alias": 1, "float_value": 9.0}, {"name": "count", "int_value": -8})
    assert [r for r, _ in heard.refused] == ["seq_gap", "unknown_alias"]
    assert (values(heard), heard.rebirth) == ([("G/N/D", T, {"count": -8})], True)
    story.born()
    assert story.hear("DDATA", 2, {"alias": 1, "float_value": 9.0}).rows


def test_a_broken_payload_counts_as_missed() -> None:
    story = Story().born()
    with pytest.raises(Malformed):
        story.nodes.hear(Topic("G", "DDATA", "N", "D"), b"\x08", T)
    assert story.hear("DDATA", 3, {"alias": 1, "float_value": 9.0}).rebirth


def test_the_will_of_an_earlier_session_kills_nobody() -> None:
    story = Story().born(1)
    assert not story.hear("NDEATH", None, bd(0)).dead
    assert story.nodes.born("G/N")
    assert story.hear("NDEATH", None, bd(1)).dead == ("G/N",)
    assert not story.nodes.born("G/N")


def test_a_death_comes_after_the_last_reading_and_before_the_next_birth() -> None:
    story = Story().born()
    story.hear("DDATA", 2, {"alias": 1, "float_value": 1.0, "timestamp": T + 3000}, at=T + 3000)
    assert story.hear("NDEATH", None, bd(0)).died == T + 3001
    story = Story().born()
    story.hear("DDATA", 2, at=T + 3000)  # its clock is three seconds ahead of ours
    story.now = T + 20_000
    assert story.hear("NDEATH", None, bd(0)).died == T + 23_000
    story = Story().born()
    story.now += 60_000
    assert story.hear("NDEATH", None, bd(0)).died == T + 60_000


def test_a_clock_far_off_says_nothing_about_a_death() -> None:
    story = Story()
    story.hear("NBIRTH", 0, bd(0), at=1000)
    assert story.hear("NDEATH", None, bd(0)).died == T


def test_devices_of_a_session_whose_death_was_missed_are_dead() -> None:
    story = Story().born(0)
    assert story.hear("NBIRTH", 0, bd(1), at=T + 10).dead == ("G/N/D",)
    story = Story().born(0)
    heard = story.hear("NBIRTH", 0, bd(1), at=T + 10)
    assert T < heard.died < T + 10


def test_a_device_that_is_not_reborn_is_dead() -> None:
    story = Story().born()
    story.hear("DBIRTH", 2, *ALIASED, device="E")
    assert not story.hear("NBIRTH", 0, bd(0)).dead
    assert not story.hear("DBIRTH", 1, *ALIASED, device="E").dead
    assert story.hear("DDATA", 2, {"alias": 1, "float_value": 1.0}, device="E").dead == ("G/N/D",)


def test_one_device_dies_alone() -> None:
    heard = Story().born().hear("DDEATH", 2)
    assert (heard.dead, heard.rebirth) == (("G/N/D",), False)


@pytest.mark.parametrize(("metric", "value"), [
    ({"is_null": True}, None), ({}, None), ({"double_value": math.nan}, None), ({"double_value": math.inf}, "inf"),
    ({"boolean_value": True}, True), ({"string_value": "12.5"}, "12.5"), ({"datatype": 9, "float_value": 0.3}, "0.3"),
    ({"int_value": 5, "properties": {"keys": ["Quality"], "values": [{"int_value": 0}]}},
     {"value": 5, "quality": "fault"}),
    ({"int_value": 5, "properties": {"keys": ["Quality"], "values": [{"int_value": 192}]}}, 5),
    ({"int_value": 5, "properties": {"keys": ["Quality"], "values": [{"int_value": 256}]}},
     {"value": 5, "quality": "uncertain"}),
    ({"int_value": 5, "properties": {"keys": ["Quality"], "values": [{"int_value": 500}]}}, None),
    ({"int_value": 5, "properties": {"keys": ["unit"], "values": [{"string_value": "kPa"}]}}, 5),
])
def test_a_value_and_what_it_is_worth(metric: dict[str, Any], value: Any) -> None:
    assert values(Story().hear("NBIRTH", 0, {"name": "x", **metric})) == [("G/N", T, {"x": value})]


def test_a_template_is_one_reading_per_member() -> None:
    inside = {"metrics": [{"name": "rpm", "datatype": 3, "int_value": -1}]}
    heard = Story().hear("NBIRTH", 0, {"name": "motor", "datatype": 19, "template_value": inside},
                         {"name": "type", "template_value": {**inside, "is_definition": True}})
    assert values(heard) == [("G/N", T, {"motor/rpm": -1})]


def test_commands_are_not_readings() -> None:
    heard = Story().hear("NCMD", None, {"name": "Node Control/Rebirth", "boolean_value": True})
    assert heard == Heard([], [])


@given(st.lists(st.tuples(st.sampled_from(packet.OF_NODE + packet.OF_DEVICE), st.integers(0, 4),
                          st.lists(st.sampled_from([*ALIASED, {"alias": 1, "float_value": 2.0}, bd(0), bd(1)]),
                                   max_size=3)), max_size=12))
def test_no_order_of_messages_crashes(said: list[tuple[str, int, list[dict[str, Any]]]]) -> None:
    story = Story()
    for kind, seq, metrics in said:
        json.dumps(story.hear(kind, seq, *metrics))


@pytest.mark.parametrize("given_options", [{"group": ["x"]}, {"groups": "x"}, {"groups": ["a/b"]}, {"host_id": "#"}])
def test_wrong_options_are_named(given_options: dict[str, Any]) -> None:
    with pytest.raises(BadInput, match=r"drivers\.yaml 中 sparkplug"):
        options(Setting("sparkplug", "甲厂", options=given_options))
