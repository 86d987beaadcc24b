"""The ways JT/T 808 writes a text and a time."""

from datetime import UTC, datetime, timedelta

CHINA = timedelta(hours=8)


def text(raw: bytes) -> str:
    """GBK, filled up with zeros at its end."""
    return raw.decode("gbk", "replace").rstrip("\0")


def clock(bcd: bytes) -> str:
    """BCD YYMMDDhhmmss, GMT+8, as '2024-10-01 23:59:59'; the bare digits where that is no time."""
    digits = bcd.hex()
    try:
        year, *rest = (int(digits[i:i + 2]) for i in range(0, len(digits), 2))
        month, day, hour, minute, second = rest
        return datetime(2000 + year, month, day, hour, minute, second).isoformat(" ")
    except ValueError:
        return digits


def moment(told: str) -> int | None:
    """A `clock` as ms since 1970; None where it is no time."""
    if len(told) != 19:
        return None
    return int((datetime.fromisoformat(told).replace(tzinfo=UTC) - CHINA).timestamp() * 1000)


def bcd(t_ms: int) -> bytes:
    """The inverse of `clock`."""
    return bytes.fromhex((datetime.fromtimestamp(t_ms / 1000, UTC) + CHINA).strftime("%y%m%d%H%M%S"))
