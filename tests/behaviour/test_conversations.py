"""Which conversation a body belongs to, and which service tier it asks for, in every client's dialect."""

import pytest

from taxiway.chat import CHAT
from taxiway.embeddings import EMBEDDINGS
from taxiway.errors import InvalidRequest
from taxiway_anthropic_messages.dialect import MESSAGES
from taxiway_cohere_chat.chat import COHERE_CHAT
from taxiway_gemini.dialect import GEMINI
from taxiway_openai_completions.dialect import COMPLETIONS
from taxiway_openai_responses.dialect import RESPONSES

HEADER = {"x-session-id": "from the header"}
SAID = [
    {"role": "user", "content": "Which way?"},
    {"role": "assistant", "content": "Left."},
    {"role": "user", "content": "And then?"},
]
PARTS = [{"type": "text", "text": "Which "}, {"type": "text", "text": "way?"}]
CONVERSATIONS = [
    (CHAT, {"messages": [{"role": "system", "content": "Be brief."}, *SAID]}),
    (CHAT, {"messages": [SAID[0], {"role": "developer", "content": "Be brief."}]}),
    (MESSAGES, {"system": "Be brief.", "messages": SAID}),
    (MESSAGES, {"system": [{"type": "text", "text": "Be brief."}], "messages": SAID}),
    (RESPONSES, {"instructions": "Be brief.", "input": "Which way?"}),
    (RESPONSES, {"input": [{"role": "system", "content": "Be brief."}, *SAID]}),
    (COHERE_CHAT, {"messages": [{"role": "system", "content": "Be brief."}, *SAID]}),
    (
        GEMINI,
        {"systemInstruction": {"parts": [{"text": "Be brief."}]}, "contents": [{"parts": [{"text": "Which way?"}]}]},
    ),
]
EVERY = [*CONVERSATIONS, (COMPLETIONS, {"prompt": "Which way?"}), (EMBEDDINGS, {"input": "Which way?"})]


def facts(dialect, body, headers=None):
    return dialect.client.facts({"model": "acme/model-1", **body}, {}, headers or {})


@pytest.mark.parametrize(("dialect", "body"), EVERY)
def test_a_session_of_the_body_goes_before_the_headers_and_that_before_a_cache_key(dialect, body):
    body = {**body, "prompt_cache_key": "a key"}
    named = facts(dialect, {**body, "session_id": "of the body"}, HEADER).conversation
    assert (named.source, named.text) == ("session", "of the body")
    named = facts(dialect, body, HEADER).conversation
    assert (named.source, named.text) == ("session", "from the header")
    named = facts(dialect, body).conversation
    assert (named.source, named.text) == ("cache_key", "a key")


@pytest.mark.parametrize(("dialect", "body"), CONVERSATIONS)
def test_where_nothing_names_it_the_system_prompt_and_the_first_message_tell_a_conversation(dialect, body):
    conversation = facts(dialect, body).conversation
    assert (conversation.source, conversation.text) == ("messages", "Be brief.\0Which way?")


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ([{"role": "system", "content": "a"}], [{"role": "user", "content": "a"}]),
        ([{"role": "user", "content": "a"}], [{"role": "user", "content": "b"}]),
    ],
)
def test_conversations_that_begin_otherwise_are_others(first, second):
    texts = [facts(CHAT, {"messages": messages}).conversation.text for messages in (first, second)]
    assert texts[0] != texts[1]


def test_parts_of_a_content_tell_a_conversation_by_their_texts():
    image = {"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}}
    conversation = facts(CHAT, {"messages": [{"role": "user", "content": [*PARTS, image]}]}).conversation
    assert conversation.text == "\0Which \nway?\n"


def test_a_text_that_is_gone_on_with_and_one_that_is_embedded_begin_no_conversation():
    assert facts(COMPLETIONS, {"prompt": "Which way?"}).conversation is None
    assert facts(EMBEDDINGS, {"input": "Which way?"}).conversation is None


def test_a_user_of_anthropics_is_no_conversation():
    body = {"messages": SAID, "metadata": {"user_id": "user_1_session_2"}}
    assert facts(MESSAGES, body).conversation.source == "messages"


@pytest.mark.parametrize(("dialect", "body"), EVERY)
def test_a_session_of_more_than_256_characters_is_refused_wherever_it_stands(dialect, body):
    assert facts(dialect, {**body, "session_id": "x" * 256}).conversation.text == "x" * 256
    with pytest.raises(InvalidRequest, match="at most 256 characters") as refused:
        facts(dialect, {**body, "session_id": "x" * 257})
    assert refused.value.field == "session_id"
    with pytest.raises(InvalidRequest, match="at most 256 characters") as refused:
        facts(dialect, body, {"x-session-id": "x" * 257})
    assert refused.value.field == "headers.x-session-id"


@pytest.mark.parametrize(
    ("asked", "means"),
    [("priority", "priority"), ("fast", "priority"), ("flex", "flex"), ("default", "default"), ("auto", None)],
)
def test_service_tiers_are_read_by_one_name_each(asked, means):
    for dialect, body in (*CONVERSATIONS[:-1], EVERY[-2]):
        assert facts(dialect, {**body, "service_tier": asked}).service_tier == means
        assert facts(dialect, body).service_tier is None


def test_anthropics_and_geminis_names_of_tiers_mean_the_same():
    assert facts(MESSAGES, {"messages": SAID, "service_tier": "standard_only"}).service_tier == "default"
    body = CONVERSATIONS[-1][1]
    assert facts(GEMINI, {**body, "serviceTier": "STANDARD"}).service_tier == "default"
    assert facts(GEMINI, {**body, "serviceTier": "flex"}).service_tier == "flex"
    assert facts(GEMINI, body).service_tier is None
