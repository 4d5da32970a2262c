"""Which client is tried over which provider's API."""

import pytest
from clients.speakers import SPEAKERS, OpenRouter
from clients.upstreams import UPSTREAMS


def _pairs():
    for speaker in SPEAKERS:
        for row in UPSTREAMS:
            # It speaks chat as openai's client does: enough to see that it reads what is passed on, and what was translated.
            if speaker is not OpenRouter or row.name in {"chat", "anthropic"}:
                yield pytest.param(speaker, row, id=f"{speaker.__name__}-over-{row.name}")


EVERY_PAIR = pytest.mark.parametrize(("speaker", "row"), list(_pairs()))
EVERY_SPEAKER = pytest.mark.parametrize("speaker", SPEAKERS)
WHOLE_AND_STREAMED = pytest.mark.parametrize("streamed", [False, True], ids=["whole", "streamed"])


def both(client):
    """Return what asks for a whole answer, and what asks for a stream."""
    return client.ask, lambda ask: client.stream(ask, [])
