"""`shouwang decode`: one answer a line, whatever the line is."""

import json

import pytest

from shouwang.drivers import configured
from shouwang.kernel.errors import BadInput
from shouwang.surfaces.cli import decode


def test_a_bad_line_is_answered_and_the_next_one_goes_on() -> None:
    asked = [json.dumps({"id": name, "topic": "v1/devices/me/telemetry", "payload": payload}).encode()
             for name, payload in (("a", '{"k": 1, "m": 1}'), ("b", "{"), ("c", '{"k": 2, "m": 3}'))]
    lines = [asked[0], b"nonsense\n", b"[1]\n", b"\n", *asked[1:]]
    told = list(decode.answers(lines, configured.decoder("mqtt-thingsboard")))
    assert [(t["id"], t["ok"]) for t in told] == [("a", True), (None, False), (None, False), ("b", False), ("c", True)]
    assert told[-1]["decode"]["values"] == {"k": 2, "m": 3}
    assert "第 2 行" in told[1]["error"]


def test_a_fault_of_a_decoder_costs_one_line() -> None:
    def broken(item: dict[str, object]) -> dict[str, object]:
        raise IndexError(item["id"])

    assert decode.answer(b'{"id": 7}', 1, broken)["ok"] is False


def test_an_unknown_protocol_names_the_known_ones() -> None:
    with pytest.raises(BadInput, match="jt808"):
        configured.decoder("telegraph")


@pytest.mark.parametrize("protocol", configured.protocols())
def test_every_protocol_answers_an_empty_item(protocol: str) -> None:
    told = decode.answer(json.dumps({"id": 1}).encode(), 1, configured.decoder(protocol))
    assert told["ok"] is False
    assert "内部错误" not in told["error"]
