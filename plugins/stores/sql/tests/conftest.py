import pytest


@pytest.fixture(autouse=True)
def unhurried(monkeypatch):
    """A look-up has time: a busy machine may need more for the way to another thread and back than a request waits."""
    monkeypatch.setattr("taxiway_sql.store._LOOK_UP", 30.0)
