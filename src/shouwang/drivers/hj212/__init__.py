"""HJ 212: environmental monitoring devices (2005, 2017; 2025 as a dialect) over TCP."""

from .serve import serve

__all__ = ["serve"]
