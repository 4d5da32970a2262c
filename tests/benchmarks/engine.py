"""What the engine costs in process: `router.chat` in front of a transport that answers at once, in CPU microseconds.

Planning is over 3 endpoints with 3 keys each. Batches of 25 calls; the least disturbed one, and the median.
"""

import json
import statistics
import time

import uvloop
from load import MODEL, WORDS

from taxiway import Router
from taxiway.http import HttpHead

HEAD = HttpHead(200, {"content-type": "application/json", "x-request-id": "req_bench"})
REPLY = json.dumps(
    {
        "id": "chatcmpl-bench", "object": "chat.completion", "created": 1760000000, "model": "gpt-4o-mini",
        "choices": [
            {
                "index": 0, "message": {"role": "assistant", "content": "hi", "refusal": None},
                "logprobs": None, "finish_reason": "stop",
            }
        ],
        "usage": {
            "prompt_tokens": 21, "completion_tokens": 120, "total_tokens": 141,
            "prompt_tokens_details": {"cached_tokens": 0}, "completion_tokens_details": {"reasoning_tokens": 0},
        },
    }
).encode()  # fmt: skip


class Answered:
    """An exchange that is over before it begins."""

    phase, sent, moved, framed, reused = "body", "whole", 1, True, True

    def __init__(self):
        self.parts = [b"", REPLY]

    async def head(self):
        return HEAD

    async def read(self):
        return self.parts.pop()

    def abort(self, reason="cancelled"): ...


class Instant:
    schemes = frozenset({"http"})

    def open(self, _request, _connect):
        return Answered()


def configuration():
    """Three providers with one model each, three keys each; and the keys."""
    providers, credentials, keys = [], [], {}
    for provider in range(3):
        model = {"id": "gpt-4o-mini", "slug": MODEL, "price": {"input": 1.0 + provider, "output": 2.0}}
        address = f"http://127.0.0.1:{9000 + provider}/v1"
        providers.append({"use": "openai-compatible", "slug": f"p{provider}", "base_url": address, "models": [model]})
        for number in range(3):
            keys[f"KEY_{provider}{number}"] = f"sk-benchmark-{provider}{number}"
            credentials.append(
                {"provider": f"p{provider}", "key": f"env:KEY_{provider}{number}", "label": f"{provider}{number}"}
            )
    return {"providers": providers, "credentials": credentials}, keys


async def measure(batches):
    """CPU microseconds a call: of the least disturbed batch, and of the median one."""
    config, keys = configuration()
    async with Router.from_dict(config, environment=keys) as router:
        router.engine.transports = {"http": Instant()}

        async def call():
            await router.chat(model=MODEL, messages=[{"role": "user", "content": WORDS}])

        for _ in range(500):
            await call()
        costs = []
        for _ in range(batches):
            before = time.thread_time()
            for _ in range(25):
                await call()
            costs.append((time.thread_time() - before) / 25 * 1e6)
    return min(costs), statistics.median(costs)


if __name__ == "__main__":
    least, median = uvloop.run(measure(400))
    print(f"router.chat above the transport: {least:.1f} us at best, {median:.1f} us median")
