"""Drivers: how readings come in. Each speaks one protocol and offers readings to the intake. No Django."""
