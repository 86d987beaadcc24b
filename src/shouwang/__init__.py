"""守望: the work-safety supervision platform of a city. See docs/ and each engine's README."""

__version__ = "0.1.0"
