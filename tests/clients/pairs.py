"""Which client is tried over which provider's API."""

import pytest
from clients import speakers, upstreams

from taxiway.plugins import Plugins

_INSTALLED = Plugins.discover()
_SPEAKERS = [one for one in speakers.SPEAKERS if _INSTALLED.has(f"dialect-{one.dialect}")]


def _pairs():
    for speaker in _SPEAKERS:
        for row in upstreams.installed():
            # It speaks chat as openai's client does: enough to see that it reads what is passed on, and what was translated.
            if speaker is not speakers.OpenRouter or row.name in {"chat", "anthropic"}:
                yield pytest.param(speaker, row, id=f"{speaker.__name__}-over-{row.name}")


EVERY_PAIR = pytest.mark.parametrize(("speaker", "row"), list(_pairs()))
EVERY_SPEAKER = pytest.mark.parametrize("speaker", _SPEAKERS)
WHOLE_AND_STREAMED = pytest.mark.parametrize("streamed", [False, True], ids=["whole", "streamed"])


def both(client):
    """Return what asks for a whole answer, and what asks for a stream."""
    return client.ask, lambda ask: client.stream(ask, [])
