"""How many bytecodes a call takes in process, function by function: the same on every machine, and in every run but
for what is worked out once a second.

    python tests/benchmarks/bytecodes.py [--stream] [--top N]

Microseconds drown in the noise of a shared machine, so this is what to look at while the path is made shorter. What C does for
a bytecode is not seen: `engine.py` and `run.py` have the last word.
"""

import argparse
import asyncio
import json
import sys
from collections import Counter

from engine import HEAD, MODEL, WORDS, Answered, Instant, configuration

from taxiway import Router
from taxiway.http import HttpHead

CALLS = 20
EVENTS = 52
_ENVELOPE = {"id": "chatcmpl-bench", "object": "chat.completion.chunk", "created": 1760000000, "model": "gpt-4o-mini"}


def _frame(**fields):
    return b"data: " + json.dumps({**_ENVELOPE, **fields}).encode() + b"\n\n"


def _delta(value, finish=None):
    return _frame(choices=[{"index": 0, "delta": value, "logprobs": None, "finish_reason": finish}])


USAGE = {"prompt_tokens": 21, "completion_tokens": 49, "total_tokens": 70}
PARTS = [
    _delta({"role": "assistant", "content": ""}), *[_delta({"content": " fox"})] * (EVENTS - 4), _delta({}, "stop"),
    _frame(choices=[], usage=USAGE), b"data: [DONE]\n\n", b"",
]  # fmt: skip


class Streamed(Answered):
    """An exchange whose events come one at a time."""

    def __init__(self):
        self.parts = PARTS[::-1]

    async def head(self):
        return HttpHead(HEAD.status, {**HEAD.headers, "content-type": "text/event-stream"})


class Paced(Instant):
    def open(self, _request, _connect):
        return Streamed()


class Trace:
    """What was run while it was on."""

    def __init__(self):
        self.bytecodes, self.calls = Counter(), Counter()

    def __enter__(self):
        sys.settrace(self._entered)
        return self

    def __exit__(self, *_):
        sys.settrace(None)

    def _entered(self, frame, _event, _argument):
        frame.f_trace_opcodes, frame.f_trace_lines = True, False
        self.calls[frame.f_code] += 1
        return self._within

    def _within(self, frame, event, _argument):
        if event == "opcode":
            self.bytecodes[frame.f_code] += 1
        return self._within

    def table(self, top):
        yield "| bytecodes | calls | function |"
        yield "|--:|--:|---|"
        yield f"| {self.bytecodes.total() / CALLS:,.0f} | {self.calls.total() / CALLS:.0f} | all |"
        for code, count in self.bytecodes.most_common(top):
            _, _, module = code.co_filename.rpartition("/src/")
            name = f"{module or code.co_filename.rpartition('/')[2]}:{code.co_firstlineno} {code.co_qualname}"
            yield f"| {count / CALLS:.0f} | {self.calls[code] / CALLS:.0f} | {name} |"


async def traced(stream):
    config, keys = configuration()
    async with Router.from_dict(config, environment=keys) as router:
        router.engine.transports = {"http": Paced() if stream else Instant()}
        body = {"model": MODEL, "messages": [{"role": "user", "content": WORDS}]}

        async def call():
            if not stream:
                await router.chat(**body)
                return
            async for _ in router.stream(**body):
                pass

        for _ in range(200):
            await call()
        with Trace() as trace:
            for _ in range(CALLS):
                await call()
    return trace


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--stream", action="store_true", help=f"a stream of {EVENTS} events instead of one reply")
    parser.add_argument("--top", type=int, default=60, metavar="N", help="functions to show")
    options = parser.parse_args()
    print("\n".join(asyncio.run(traced(options.stream)).table(options.top)))
