"""`Router` and `SyncRouter`: the one object that users hold."""

import asyncio
import threading
from collections.abc import AsyncIterator, Coroutine, Iterator, Mapping, Sequence
from contextlib import AsyncExitStack
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Final, Self, TypeVar, Unpack

from taxiway.assembly import resolve
from taxiway.call import Call
from taxiway.clock import Clock
from taxiway.codec import Json
from taxiway.composition import DEFAULT_FOLDER, Around, Composition, compose
from taxiway.config import Config, load, read
from taxiway.dialect import Dialect
from taxiway.executor import Engine
from taxiway.explain import Explanation, explain
from taxiway.snapshot import Snapshot
from taxiway.spool import Journal, Spool
from taxiway.store import Store

if TYPE_CHECKING:
    from taxiway.sink import Sink

T = TypeVar("T")

_CLOSE_WITHIN: Final = 30.0
"""Seconds that closing may take in `SyncRouter`, whose thread must not keep the program from ending."""


class Router:
    """Routes calls to the providers of a configuration, in this process. Use it by `async with`.

    `from_config` and `from_dict` raise ConfigError, entering raises it for keys that can't be resolved. `config` and `dialects`
    are known at once; `engine`, `snapshot` and `store` once it was entered.
    """

    def __init__(self, built: Composition) -> None:
        self._built = built
        self._engine: Engine | None = None
        self._closing = AsyncExitStack()

    @classmethod
    def from_config(cls, path: str | Path | None = None, **around: Unpack[Around]) -> Self:
        """Read a TOML file; without one, keys found in the environment are used."""
        return cls(compose(load(path), **around))

    @classmethod
    def from_dict(cls, mapping: Mapping[str, Any], **around: Unpack[Around]) -> Self:
        """Take what a file would say as a mapping."""
        return cls(compose(read(mapping), **around))

    async def __aenter__(self) -> Self:
        """Resolve keys, open the store and the spool."""
        try:
            await self._start()
        except BaseException:
            await self.aclose()
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close everything; what sinks have not taken yet is delivered first."""
        await self.aclose()

    async def aclose(self) -> None:
        """Close everything, the last started first, whatever becomes of one. Works after a half-failed start, and twice."""
        self._engine = None
        await self._closing.aclose()

    async def chat(self, **body: Any) -> Json:
        """Ask for a chat completion; the body is OpenAI's, with OpenRouter's additions. Returns the decoded reply.

        Raises InvalidRequest and CallError.
        """
        body.pop("stream", None)
        return await self.engine.complete(self._call("chat", body))

    async def stream(self, **body: Any) -> AsyncIterator[Json]:
        """Ask for a streamed chat completion; yields decoded chunks, the last of which has the usage.

        Raises InvalidRequest and CallError before the first chunk; a later failure is a chunk with an `error`.
        """
        stream = self.engine.stream(self._call("chat", {**body, "stream": True}))
        try:
            async for batch in stream:
                for event in batch:
                    yield event
        finally:
            await stream.aclose()

    async def embed(self, **body: Any) -> Json:
        """Ask for embeddings; the body is OpenAI's. Returns the decoded reply. Raises InvalidRequest and CallError."""
        return await self.engine.complete(self._call("embeddings", body))

    async def explain(self, **body: Any) -> Explanation:
        """Say of each candidate for a chat body why it is in, out, and where. Nothing is sent."""
        return self.explain_call(self._call("chat", body))

    def explain_call(self, call: Call) -> Explanation:
        """Explain a call that a front end made."""
        engine = self.engine
        return explain(call, engine.snapshot, engine.health, engine.quotas, engine.clock.monotonic())

    async def reload_keys(self) -> None:
        """Read all keys again and go on with a new snapshot. Raises ConfigError, and then the old one stays."""
        await self.engine.reload_keys()

    @property
    def engine(self) -> Engine:
        """What runs calls."""
        if self._engine is None:
            raise RuntimeError("the router is not running: use it by `async with`")
        return self._engine

    @property
    def snapshot(self) -> Snapshot:
        """What plans are made from at this moment."""
        return self.engine.snapshot

    @property
    def config(self) -> Config:
        """The configuration."""
        return self._built.config

    @property
    def built(self) -> Composition:
        """What was built of it."""
        return self._built

    @property
    def dialects(self) -> Mapping[str, Dialect]:
        """Dialects by name."""
        return self._built.dialects

    @property
    def store(self) -> Store | None:
        """The database, where there is one."""
        return self._built.store

    @property
    def clock(self) -> Clock:
        """Where time comes from."""
        return self._built.context.clock

    @property
    def warnings(self) -> Sequence[str]:
        """What is doubtful about the configuration, for people."""
        return self._built.warnings if self._engine is None else self._engine.parts.warnings

    def writable(self) -> bool:
        """Whether new calls can be accounted."""
        return self._engine is None or self._engine.journal.writable

    async def _start(self) -> None:
        parts = await resolve(self._built)
        self._closing.push_async_callback(parts.aclose)
        await parts.start()
        self._engine = engine = Engine(parts, await self._journal())
        self._closing.push_async_callback(engine.aclose)
        await parts.discover(engine.reload_keys, engine.tasks)

    async def _journal(self) -> Journal:
        """In process nothing is written to disk unless a store, a sink or a folder was named."""
        built = self._built
        sinks: dict[str, Sink] = {**built.sinks, **({} if built.store is None else {"store": built.store})}
        if not sinks and built.context.data_dir is None:
            return Journal()
        folder = (built.context.data_dir or DEFAULT_FOLDER.expanduser()) / "spool"
        spool = Spool(folder, sinks, built.context.clock, required=built.config.spool.required)
        self._closing.push_async_callback(spool.aclose)
        await spool.start()
        return spool

    def _call(self, dialect: str, body: Json) -> Call:
        engine = self.engine
        if engine.loop is not asyncio.get_running_loop():
            raise RuntimeError("the router runs on another event loop: use it on the one that it was started on")
        return engine.call(engine.dialects[dialect], body)


class SyncRouter:
    """`Router` without async, by `with`: the engine runs on a thread of its own, so it may be used from any thread."""

    def __init__(self, router: Router) -> None:
        self._router = router
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None

    @classmethod
    def from_config(cls, path: str | Path | None = None, **around: Unpack[Around]) -> Self:
        """As `Router.from_config`."""
        return cls(Router.from_config(path, **around))

    @classmethod
    def from_dict(cls, mapping: Mapping[str, Any], **around: Unpack[Around]) -> Self:
        """As `Router.from_dict`."""
        return cls(Router.from_dict(mapping, **around))

    def __enter__(self) -> Self:
        """Start the thread, and the router on it."""
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=_run, args=(self._loop,), name="taxiway", daemon=True)
        self._thread.start()
        try:
            self._do(self._router.__aenter__())
        except BaseException:
            self._stop()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close everything."""
        self.close()

    def close(self) -> None:
        """Close everything. Works twice."""
        if self._loop is None:
            return
        try:
            self._do(self._router.aclose(), _CLOSE_WITHIN)
        finally:
            self._stop()

    def chat(self, **body: Any) -> Json:
        """As `Router.chat`."""
        return self._do(self._router.chat(**body))

    def stream(self, **body: Any) -> Iterator[Json]:
        """As `Router.stream`."""
        chunks = self._router.stream(**body)
        try:
            while (chunk := self._do(_next(chunks))) is not None:
                yield chunk
        finally:
            self._do(chunks.aclose())  # type: ignore[attr-defined]

    def embed(self, **body: Any) -> Json:
        """As `Router.embed`."""
        return self._do(self._router.embed(**body))

    def explain(self, **body: Any) -> Explanation:
        """As `Router.explain`."""
        return self._do(self._router.explain(**body))

    def _do(self, what: Coroutine[Any, Any, T], within: float | None = None) -> T:
        # A process that was forked has no thread but its own.
        if self._loop is None or self._thread is None or not self._thread.is_alive():
            what.close()
            raise RuntimeError("the router is not running: use it by `with`, in the process that it was started in")
        future = asyncio.run_coroutine_threadsafe(what, self._loop)
        try:
            return future.result(within)
        except BaseException:
            # Ctrl-C in this thread: the call over there must not go on unseen.
            future.cancel()
            raise

    def _stop(self) -> None:
        loop, thread = self._loop, self._thread
        self._loop = self._thread = None
        if loop is None or thread is None:
            return
        loop.call_soon_threadsafe(loop.stop)
        thread.join()


def _run(loop: asyncio.AbstractEventLoop) -> None:
    """Run a loop until it is stopped, and cancel what goes on in it then: other threads wait for their calls."""
    with asyncio.Runner(loop_factory=lambda: loop) as runner:
        runner.get_loop().run_forever()


async def _next(chunks: AsyncIterator[Json]) -> Json | None:
    return await anext(chunks, None)
