"""Prometheus remote-write 1.0: a snappy block of a `prometheus.WriteRequest`, series by series.

https://prometheus.io/docs/specs/prw/remote_write_spec/ ; a series' labels come unchanged with every request, so what
they mean is remembered by their bytes.
"""

import math
import struct
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple, TypeVar

import cramjam

from .. import protobuf
from ..protobuf import BYTES, Field, Schema
from ..rows import Malformed

STALE = struct.pack("<Q", 0x7FF0_0000_0000_0002)  # the one NaN that says: this series has ended
NAME = "__name__"
_double = struct.Struct("<d")
LABEL: Schema = {1: Field("name", "string"), 2: Field("value", "string")}
SAMPLE: Schema = {1: Field("value", "double"), 2: Field("timestamp", "int64")}
SERIES: Schema = {1: Field("labels", LABEL, True), 2: Field("samples", SAMPLE, True)}
REQUEST: Schema = {1: Field("timeseries", SERIES, True)}
SERIES_OF_REQUEST, LABEL_OF_SERIES, SAMPLE_OF_SERIES, HISTOGRAM_OF_SERIES = 1, 1, 2, 4
MOST_KNOWN = 200_000  # [D] label sets remembered
Labels = dict[str, str]
Meaning = TypeVar("Meaning")


class Sample(NamedTuple):
    """One value (a float; None where the series has ended) at one time (ms)."""

    t: int
    v: float | None


def unpacked(body: bytes, most: int) -> bytes:
    """The request inside a snappy block of at most `most` bytes unpacked; Malformed when it is none."""
    try:
        size = cramjam.snappy.decompress_raw_len(body)
        if size > most:
            raise Malformed(f"解压后 {size} 字节,超过 {most}")
        return bytes(cramjam.snappy.decompress_raw(body))
    except cramjam.DecompressionError as wrong:
        raise Malformed(f"不是 snappy 压缩块:{wrong}") from None


def packed(request: dict[str, Any]) -> bytes:
    """A request as it is sent: `{"timeseries": [{"labels": […], "samples": […]}]}`."""
    return bytes(cramjam.snappy.compress_raw(protobuf.write(request, REQUEST)))


class Reader:
    """Series of requests; `meaning` is asked once for each set of labels."""

    def __init__(self, meaning: Callable[[Labels], Meaning]) -> None:
        self._meaning, self._known = meaning, dict[tuple[bytes, ...], Any]()

    def series(self, request: bytes) -> Iterator[tuple[Any, list[Sample], int]]:
        """(what the labels mean, samples, native histograms left out) of every series."""
        for number, wire, raw in protobuf.fields(request):
            if number == SERIES_OF_REQUEST and wire == BYTES and isinstance(raw, bytes):
                yield self._one(raw)

    def _one(self, raw: bytes) -> tuple[Any, list[Sample], int]:
        labels: list[bytes] = []
        samples: list[Sample] = []
        histograms = 0
        for number, wire, part in protobuf.fields(raw):
            if wire != BYTES or not isinstance(part, bytes):
                continue
            if number == LABEL_OF_SERIES:
                labels.append(part)
            elif number == SAMPLE_OF_SERIES:
                samples.append(_sample(part))
            histograms += number == HISTOGRAM_OF_SERIES
        return self._meant(tuple(labels)), samples, histograms

    def _meant(self, raw: tuple[bytes, ...]) -> Any:
        if raw not in self._known:
            if len(self._known) >= MOST_KNOWN:
                self._known.clear()
            read = [protobuf.read(label, LABEL) for label in raw]
            self._known[raw] = self._meaning({one.get("name", ""): one.get("value", "") for one in read})
        return self._known[raw]


def _sample(raw: bytes) -> Sample:
    """Value, then time, as every sender writes them; any other order the long way."""
    if raw[:1] == b"\x09" and raw[9:10] == b"\x10":
        t, end = protobuf.varint(raw, 10)
        if end == len(raw):
            v = None if raw[1:9] == STALE else _double.unpack_from(raw, 1)[0]
            return Sample(t - (1 << 64) if t >> 63 else t, v)
    return _any_sample(raw)


def _any_sample(raw: bytes) -> Sample:
    t, v, stale = 0, 0.0, False
    for number, wire, part in protobuf.fields(raw):
        if number == 1 and isinstance(part, bytes) and len(part) == 8:
            v, stale = struct.unpack("<d", part)[0], part == STALE
        elif number == 2 and isinstance(part, int) and wire == protobuf.VARINT:
            t = part - (1 << 64) if part >> 63 else part
    return Sample(t, None if stale else v)


def shown(labels: Labels, chosen: list[str] | None = None) -> str:
    """A series in PromQL's words, `name{sensor="t1"}`, with the chosen labels or all of them."""
    inside = ",".join(f'{name}="{_escaped(labels[name])}"' for name in (labels if chosen is None else chosen)
                      if name in labels and name != NAME)
    return labels.get(NAME, "") + (f"{{{inside}}}" if inside else "")


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")


def described(sample: Sample) -> Any:
    """A sample's value for JSON: a number, "stale", or NaN and the infinities by name."""
    if sample.v is None:
        return "stale"
    return sample.v if math.isfinite(sample.v) else str(sample.v)
