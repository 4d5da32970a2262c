import json

import pytest
from attrs import asdict

from taxiway.errors import ConfigError
from taxiway.testing.sink import SinkContract, generation
from taxiway_jsonl import taxiway_telemetry_sinks


class TestJsonl(SinkContract):
    registration = taxiway_telemetry_sinks()[0]

    @pytest.fixture
    def path(self, tmp_path):
        return tmp_path / "folder" / "lines.jsonl"

    @pytest.fixture
    def options(self, path):
        return {"path": str(path)}

    @pytest.fixture(autouse=True)
    def _where(self, path):
        self.file = path

    async def taken(self, sink):
        return [json.loads(line)["id"] for line in self.file.read_text().splitlines()]

    async def test_a_line_is_the_whole_generation(self, sink, path):
        await sink.deliver([generation(1)])
        assert json.loads(path.read_bytes()) == json.loads(json.dumps(asdict(generation(1))))

    async def test_only_its_owner_reads_it(self, sink, path):
        await sink.deliver([generation(1)])
        assert path.stat().st_mode & 0o777 == 0o600
        assert path.parent.stat().st_mode & 0o777 == 0o700

    async def test_after_a_restart_known_ids_are_left_out(self, sink, options, tmp_path):
        await sink.deliver([generation(1), generation(2)])
        again = await self.build(options, tmp_path)
        await again.deliver([generation(2), generation(3)])
        await again.aclose()
        assert len(await self.taken(sink)) == 3

    async def test_a_half_line_is_followed_by_whole_ones(self, sink, options, path, tmp_path):
        await sink.deliver([generation(1)])
        with path.open("ab") as file:
            file.write(b'{"id":"gen-1760000000-000')
        again = await self.build(options, tmp_path)
        await again.deliver([generation(2)])
        await again.aclose()
        lines = path.read_text().splitlines()
        assert json.loads(lines[0])["id"] == generation(1).id
        assert json.loads(lines[2])["id"] == generation(2).id

    async def test_a_half_line_of_another_process_is_followed_by_whole_ones_too(self, sink, path):
        await sink.deliver([generation(1)])
        with path.open("ab") as file:
            file.write(b'{"id":"gen-1760000000-000')
        for number in (2, 3):
            await sink.deliver([generation(number)])
        first, _, *rest = path.read_text().splitlines()
        assert [json.loads(line)["id"] for line in (first, *rest)] == [generation(n).id for n in (1, 2, 3)]

    async def test_a_full_disk_repeats_only_what_is_not_in_the_file(self, sink, path, monkeypatch):
        import os

        write, taken = os.write, []

        def short(descriptor, data):
            taken.append(data)
            return write(descriptor, data[: len(data) * 3 // 4] if len(taken) == 1 else data)

        monkeypatch.setattr(os, "write", short)
        batch = [generation(number) for number in range(1, 5)]
        with pytest.raises(OSError, match="disk full"):
            await sink.deliver(batch)
        await sink.deliver(batch)
        ids = []
        for line in path.read_text().splitlines():
            try:
                ids.append(json.loads(line)["id"])
            except ValueError:
                continue
        assert ids == [one.id for one in batch]

    async def test_a_file_that_was_moved_away_is_made_anew(self, sink, path):
        await sink.deliver([generation(1)])
        path.rename(path.with_name("elsewhere"))
        await sink.deliver([generation(2)])
        assert await self.taken(sink) == [generation(2).id]

    async def test_a_folder_that_is_gone_is_made_anew(self, sink, path):
        await sink.deliver([generation(1)])
        path.parent.rename(path.parent.with_name("elsewhere"))
        await sink.deliver([generation(2)])
        assert await self.taken(sink) == [generation(2).id]
        assert path.parent.stat().st_mode & 0o777 == 0o700

    async def test_it_is_put_aside_when_large_and_the_oldest_goes(self, options, path, tmp_path):
        sink = await self.build({**options, "max_bytes": 1, "keep": 2}, tmp_path)
        for number in range(1, 6):
            await sink.deliver([generation(number)])
        await sink.aclose()
        assert sorted(file.name for file in path.parent.iterdir()) == [
            "lines.jsonl",
            "lines.jsonl.1",
            "lines.jsonl.2",
        ]
        assert await self.taken(sink) == [generation(5).id]

    async def test_the_data_folder_is_the_default_place(self, tmp_path):
        sink = await self.build({}, tmp_path)
        await sink.aclose()
        assert (tmp_path / "generations.jsonl").exists()
        with pytest.raises(ConfigError, match="no data folder"):
            await self.build({}, None)
