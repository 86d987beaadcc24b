"""Series → rows: device and key from labels, a stale marker as no data."""

from typing import Any, NamedTuple

import msgspec

from shouwang.kernel.errors import BadInput

from ..floats import figure
from ..rows import Row
from . import packet
from .packet import Labels, Sample


class Options(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What `options:` of drivers.yaml may say."""

    device: str = "instance"  # the label that names the device
    key: list[str] = []  # labels that belong to the key beside the metric's name
    certificate: str = ""  # PEM files for TLS
    certificate_key: str = ""


class Place(NamedTuple):
    """Whose reading a series is: device and key; without device, why not."""

    device: str
    key: str


def options(given: dict[str, Any]) -> Options:
    """The options of a setting; a wrong one is a BadInput that names it."""
    try:
        return msgspec.convert(given, Options)
    except msgspec.ValidationError as wrong:
        raise BadInput(f"drivers.yaml 中 remote_write 的 options 不对:{wrong}") from None


class Rows:
    """Requests of one source as rows."""

    def __init__(self, given: Options) -> None:
        self._given, self._reader = given, packet.Reader(self._place)

    def _place(self, labels: Labels) -> Place:
        key = packet.shown(labels, self._given.key)
        device = labels.get(self._given.device, "") if labels.get(packet.NAME) else ""
        return Place(device, key if device else packet.shown(labels))

    def read(self, request: bytes) -> tuple[list[Row], list[tuple[str, str]]]:
        """Rows by device and time, and what is refused; Malformed when the request cannot be read at all."""
        rows: dict[tuple[str, int], dict[str, Any]] = {}
        refused: list[tuple[str, str]] = []
        for place, samples, histograms in self._reader.series(request):
            refused += [("not_a_number", f"{place.key}: 原生直方图")] * histograms
            if not place.device:
                refused += [("unknown_device", f"缺少标签 {self._given.device} 或名称: {place.key}")] * len(samples)
                continue
            for sample in samples:
                rows.setdefault((place.device, sample.t), {})[place.key] = value_of(sample)
        return [Row(device, t, values) for (device, t), values in sorted(rows.items())], refused


def value_of(sample: Sample) -> Any:
    """A finite value by its shortest decimal text; an ended series and NaN are no data."""
    if sample.v is None:
        return {"value": 0, "quality": "no_data"}
    return figure(sample.v)
