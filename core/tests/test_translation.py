"""Which dialect a call goes in, and what is left out where an endpoint reasons."""

from types import SimpleNamespace

import pytest
from attrs import evolve

from taxiway.call import Translated
from taxiway.chat import CHAT, ChatUpstream
from taxiway.dialect import Dialect
from taxiway.testing.dialect import make_call, make_endpoint
from taxiway.translation import Translation

ASK = [{"role": "user", "content": "hi"}]
TOOLS = [{"type": "function", "function": {"name": "a"}}]


class Other(ChatUpstream):
    def from_canonical(self, body, endpoint):
        return Translated({"other": body}, ("lost",), ("stood in",))


DIALECTS = {"chat": CHAT, "other": Dialect(name="other", operation="chat", upstream=Other())}


def translation(body, speaks, **changes):
    endpoint = evolve(make_endpoint("chat", "chat"), dialects={"chat": speaks}, **changes)
    return Translation(DIALECTS, make_call(CHAT, {"model": "acme/model-1", "messages": ASK, **body}), endpoint)


@pytest.mark.parametrize(
    ("body", "speaks", "elsewhere", "spoken"),
    [
        ({}, ("other", "chat"), set(), "chat"),
        ({"tools": TOOLS}, ("other", "chat"), set(), "chat"),
        ({}, ("other", "chat"), {"tools"}, "chat"),
        ({"tools": TOOLS}, ("other", "chat"), {"tools"}, "other"),
        ({"tools": TOOLS}, ("chat", "other"), {"tools"}, "chat"),
        ({"tools": TOOLS}, ("chat",), {"tools"}, "chat"),
        ({}, ("other",), set(), "other"),
    ],
)
def test_a_call_goes_in_its_clients_dialect_unless_the_endpoint_has_a_better_one_for_it(
    body, speaks, elsewhere, spoken
):
    made = translation(body, speaks, elsewhere=frozenset(elsewhere))
    assert made.spoken == spoken
    assert (made.dropped, made.applied) == ((("lost",), ("stood in",)) if spoken == "other" else ((), ()))


@pytest.mark.parametrize(
    ("asked", "left_out"),
    [
        ({}, False),
        ({"reasoning_effort": "none"}, False),
        ({"reasoning": {"enabled": False}}, False),
        ({"reasoning_effort": "low"}, True),
        ({"reasoning": {"effort": "low"}}, True),
        ({"reasoning": {"max_tokens": 10}}, True),
        ({"reasoning": {"enabled": True}}, True),
    ],
)
def test_what_is_refused_of_who_reasons_is_left_out_where_reasoning_is_asked_for(asked, left_out):
    made = translation({"temperature": 0.5, **asked}, ("chat",), thinking_refuses=frozenset({"temperature"}))
    assert ("temperature" not in made.body) is left_out
    assert (made.dropped == ("temperature",)) is left_out


@pytest.mark.parametrize(("resumed", "spoken"), [(False, "chat"), (True, "other")])
def test_who_goes_on_with_an_answer_is_spoken_to_in_its_best_dialect(resumed, spoken):
    endpoint = evolve(make_endpoint("chat", "chat"), dialects={"chat": ("other", "chat")})
    call = make_call(CHAT, {"model": "acme/model-1", "messages": ASK})
    answer = SimpleNamespace(resumed=resumed, request=lambda body: body)
    assert Translation(DIALECTS, call, endpoint, None, answer).spoken == spoken
