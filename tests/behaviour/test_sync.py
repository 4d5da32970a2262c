"""`SyncRouter`: one engine on a thread of its own, used from others."""

import threading
from concurrent.futures import CancelledError

import pytest

from taxiway import SyncRouter
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
