"""One remote-write body (`hex`) as its series, for `shouwang decode remote_write`."""

from typing import Any

from ..limits import DEFAULT
from ..rows import Malformed
from . import packet


def decode(item: dict[str, Any]) -> dict[str, Any]:
    """Labels, samples (t in ms) and the count of native histograms of every series."""
    try:
        body = bytes.fromhex(item["hex"])
    except (KeyError, TypeError, ValueError):
        raise Malformed("需要 hex(十六进制文本)") from None
    reader = packet.Reader(dict)
    return {"series": [
        {"labels": labels, "samples": [{"t": one.t, "v": packet.described(one)} for one in samples],
         "histograms": histograms}
        for labels, samples, histograms in reader.series(packet.unpacked(body, DEFAULT.max_packet * 16))]}
