"""Gateway tokens of the demo: derived from a secret kept only in the data folder, so the simulator can know them."""

import hashlib
import hmac
import os
import secrets
from pathlib import Path


def secret(data: Path) -> bytes:
    """The demo's own secret, made on first use, readable by the owner only."""
    keep = data / "demo_secret"
    if not keep.exists():
        data.mkdir(parents=True, exist_ok=True)
        fd = os.open(keep, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(fd, "w") as f:
            f.write(secrets.token_hex(32))
    return bytes.fromhex(keep.read_text())


def token_of(key: bytes, source: str) -> str:
    """The token of one demo gateway."""
    return hmac.new(key, source.encode(), hashlib.sha256).hexdigest()[:32]


def hash_of(token: str) -> str:
    """What the database keeps of a token (hex SHA-256)."""
    return hashlib.sha256(token.encode()).hexdigest()
