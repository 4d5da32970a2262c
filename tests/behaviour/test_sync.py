"""`SyncRouter`: one engine on a thread of its own, used from others."""

import asyncio
import os
import signal
import threading
from concurrent.futures import CancelledError

import pytest

from taxiway import Router, SyncRouter
from taxiway.errors import TaxiwayError

SLOW = {"providers": [{"use": "simulator", "slug": "slow", "pace": {"first_token": "100s"}}]}
ASK = {"model": "slow/words", "messages": [{"role": "user", "content": "hello"}]}


@pytest.mark.real_time
def test_who_waits_for_a_reply_is_told_when_the_router_closes():
    router, ended = SyncRouter.from_dict(SLOW), []
    router.__enter__()
    engine = router._router.engine
    asked = threading.Event()

    def ask():
        try:
            router.chat(**ASK)
        except (CancelledError, TaxiwayError) as error:
            ended.append(error)

    async def opened(_):
        asked.set()

    engine.journal.opened = opened
    waiting = threading.Thread(target=ask, daemon=True)
    waiting.start()
    assert asked.wait(5)
    router.close()
    waiting.join(5)
    assert ended


@pytest.mark.filterwarnings("ignore:This process")  # that it has threads, which is the point
def test_a_forked_process_is_told_that_the_router_does_not_run_there():
    with SyncRouter.from_dict(SLOW) as router:
        if (child := os.fork()) == 0:
            signal.alarm(10)
            try:
                router.chat(**ASK)
            except RuntimeError as error:
                os._exit(0 if "in the process that it was started in" in str(error) else 1)
            os._exit(2)
        assert os.waitpid(child, 0)[1] == 0


def test_a_router_of_another_loop_says_so():
    with asyncio.Runner() as own:
        router = own.run(Router.from_dict(SLOW).__aenter__())
        for use in (router.chat, router.embed, router.explain):
            with pytest.raises(RuntimeError, match="another event loop"):
                asyncio.run(use(**ASK))
        own.run(router.aclose())
