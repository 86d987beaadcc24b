"""Modbus: polling of registers by pymodbus. See docs/drivers/modbus.md."""

from .poll import serve

__all__ = ["serve"]
