"""Tests of the drivers, with real sockets and real clients."""
