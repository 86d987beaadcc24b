"""Situations (being wired)."""
import pytest
class SituationFile(pytest.Module):
    pass
