"""The contract of both dialects."""

from claude_messages import BODIES, EVERYTHING, STOPPED, TOOL

import taxiway_anthropic_messages
from taxiway.testing.dialect import DialectContract, Exchange

MESSAGES, COUNT_TOKENS = taxiway_anthropic_messages.taxiway_dialects()


class TestMessages(DialectContract):
    module = taxiway_anthropic_messages
    registration = MESSAGES
    bodies = BODIES
    exchanges = (EVERYTHING, STOPPED)


class TestCountTokens(DialectContract):
    module = taxiway_anthropic_messages
    registration = COUNT_TOKENS
    bodies = ({"model": "acme/model-1", "messages": [{"role": "user", "content": "hi"}], "tools": [TOOL]},)
    exchanges = (Exchange(events=(), reply={"input_tokens": 12}),)
