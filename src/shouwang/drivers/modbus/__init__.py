"""Modbus: polling of registers by pymodbus. See docs/drivers/modbus.md."""
