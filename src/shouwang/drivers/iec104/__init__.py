"""IEC 60870-5-104: a client of outstations (RTU, PLC, substation gateways). See docs/drivers/iec104.md."""

from .client import serve

__all__ = ["serve"]
