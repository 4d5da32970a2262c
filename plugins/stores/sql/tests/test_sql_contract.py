import pytest

from taxiway.testing.store import StoreContract
from taxiway_sql import taxiway_stores


class TestSqliteFile(StoreContract):
    registration = taxiway_stores()[0]

    @pytest.fixture
    def options(self, tmp_path):
        return {"url": f"sqlite:///{tmp_path}/folder/taxiway.db"}


class TestSqliteInTheDataFolder(StoreContract):
    registration = taxiway_stores()[0]


class TestSqliteInMemory(StoreContract):
    registration = taxiway_stores()[0]
    lasting = False

    @pytest.fixture
    def options(self):
        return {"url": "sqlite:///:memory:"}
