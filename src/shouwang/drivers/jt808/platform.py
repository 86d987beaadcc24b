"""Bodies the platform sends (JT/T 808-2019 §8, T/JSATL12-2017 §6)."""

OK, FAILED, WRONG, UNSUPPORTED = range(4)  # results of 0x8001
URGENT, DISPLAY, SPEAK = 1, 4, 8  # flags of 0x8300


def ack(serial: int, message: int, result: int = OK) -> bytes:
    """0x8001."""
    return serial.to_bytes(2, "big") + message.to_bytes(2, "big") + bytes([result])


def registered(serial: int, result: int, code: str) -> bytes:
    """0x8100; the code only when the result is 0."""
    return serial.to_bytes(2, "big") + bytes([result]) + (b"" if result else code.encode("gbk", "replace"))


def text(words: str, urgent: bool, version: int | None) -> bytes:
    """0x8300, shown and spoken. Urgent is bit 0 until 2013, and 10 in bits 0 and 1 since 2019 (3 is a notice)."""
    raw = words.encode("gbk", "replace")
    if version is None:
        return bytes([DISPLAY | SPEAK | (URGENT if urgent else 0)]) + raw
    return bytes([DISPLAY | SPEAK | (2 if urgent else 3), 1]) + raw


def send_attachments(host: str, port: int, ident: bytes, number: str) -> bytes:
    """0x9208: bring the files of this alarm there, over TCP."""
    address = host.encode("ascii", "replace")
    return bytes([len(address)]) + address + port.to_bytes(2, "big") + bytes(2) + ident \
        + number.encode("ascii")[:32].ljust(32, b"\0") + bytes(16)


def file_done(name: str, kind: int, missing: list[tuple[int, int]]) -> bytes:
    """0x9212: complete, or send these (offset, length) again, at most 255 of them."""
    raw, again = name.encode("gbk", "replace")[:255], missing[:255]
    return bytes([len(raw)]) + raw + bytes([kind, 1 if again else 0, len(again)]) \
        + b"".join(offset.to_bytes(4, "big") + length.to_bytes(4, "big") for offset, length in again)
