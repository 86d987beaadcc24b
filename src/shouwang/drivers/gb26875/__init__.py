"""GB/T 26875.3-2011: user information transmission devices of fire alarm systems over TCP."""

from .serve import serve

__all__ = ["serve"]
