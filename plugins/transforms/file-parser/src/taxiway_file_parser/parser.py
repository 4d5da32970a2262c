"""The transform: file parts of canonical chat become text parts, where the endpoint takes no files or the client wants it so."""

import asyncio
from typing import Any, Final

from taxiway.call import Call
from taxiway.candidate import Endpoint
from taxiway.codec import Json
from taxiway.errors import InvalidRequest, Unsupported
from taxiway_file_parser.text import Unreadable, text_of

NAME: Final = "file-parser"
LOCAL: Final = frozenset({"pdf-text", "cloudflare-ai"})
"""OpenRouter's engines that give a PDF's text and no more: what is done here."""

_AT_ONCE: Final = 2
_NO_NAME: Final = "file"


class FileParser:
    """Reads files. `characters`: the most of one file's text; `within`: seconds that reading one may take."""

    fetches = frozenset({"file"})

    def __init__(self, characters: int, within: float) -> None:
        self._characters, self._within = characters, within
        self._slots = asyncio.Semaphore(_AT_ONCE)

    def applies(self, call: Call, endpoint: Endpoint) -> bool:
        """Where a chat has a file that the endpoint does not take, or that the client wants as text."""
        if "file" not in call.facts.inputs or call.operation != "chat":
            return False
        asked = call.plugins.get(NAME)
        if asked is None:
            return "file" not in endpoint.inputs
        engine = _engine(asked)
        if asked.get("enabled") is False or engine == "native":
            return False
        return engine is not None or "file" not in endpoint.inputs

    async def request(self, call: Call, endpoint: Endpoint, body: Json) -> Json:
        """Return the body with the text of its files. Raises Unsupported for what has none that can be read."""
        engine = _engine(call.plugins.get(NAME, {}))
        if engine is not None and engine not in LOCAL:
            raise InvalidRequest("plugins", f"the engine {engine!r} is not here: take pdf-text or native")
        known: dict[str, str] = {}
        messages = [
            await self._message(message, f"messages[{index}]", known) for index, message in enumerate(body["messages"])
        ]
        return {**body, "messages": messages}

    async def _message(self, message: Json, where: str, known: dict[str, str]) -> Json:
        content = message.get("content")
        if type(content) is not list or not any(part.get("type") == "file" for part in content):
            return message
        parts = [
            await self._part(part, f"{where}.content[{index}].file", known) if part.get("type") == "file" else part
            for index, part in enumerate(content)
        ]
        return {**message, "content": parts}

    async def _part(self, part: Json, where: str, known: dict[str, str]) -> Json:
        file, data = part["file"], part["file"].get("file_data")
        if type(data) is not str:
            if type(file.get("file_id")) is str:
                # It is with a provider, which may read it whatever the catalog says of its model.
                return part
            raise Unsupported(where, "has no data, nor the id of a file that a provider keeps")
        if data not in known:
            known[data] = await self._read(data, where)
        name = file.get("filename")
        shown = name if type(name) is str and name.isprintable() else _NO_NAME
        text = f"<file name={shown!r}>\n{known[data]}\n</file>"
        # Cache marks and whatever else stands beside the file go on standing there.
        return {**{key: value for key, value in part.items() if key != "file"}, "type": "text", "text": text}

    async def _read(self, data: str, where: str) -> str:
        try:
            async with asyncio.timeout(self._within):
                await self._slots.acquire()
                reading = asyncio.ensure_future(asyncio.to_thread(text_of, data, self._characters))
                # No thread can be stopped: one that is not waited for any more keeps its slot, or such files would take all
                # threads of the program.
                reading.add_done_callback(self._read_to_its_end)
                return await asyncio.shield(reading)
        except Unreadable as error:
            raise Unsupported(where, str(error)) from None
        except TimeoutError:
            raise Unsupported(where, f"could not be read within {self._within:.0f} s") from None

    def _read_to_its_end(self, reading: asyncio.Future[str]) -> None:
        self._slots.release()
        if not reading.cancelled():
            # Who waited for it has raised it; where nobody does, nobody asks.
            reading.exception()


def _engine(asked: Json) -> str | None:
    pdf: Any = asked.get("pdf")
    engine = pdf.get("engine") if isinstance(pdf, dict) else None
    return engine if isinstance(engine, str) else None
