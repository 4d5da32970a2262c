"""A call that is shown, in a log or a traceback, shows nothing of what its client said."""

from taxiway.call import LIBRARY, Call, Conversation, Facts, Outgoing, Translated
from taxiway.preferences import NO_PREFERENCES

PROMPT = "planted words of a prompt"
BODY = {"messages": [{"role": "user", "content": PROMPT}]}


def test_what_is_shown_of_a_call_has_no_prompt_in_it():
    facts = Facts(models=("a/b",), conversation=Conversation("messages", PROMPT))
    call = Call(
        "gen-1", 1, "chat", "chat", BODY, facts, NO_PREFERENCES, LIBRARY, 0.0, 0.0, 1.0, {"x-title": PROMPT}, plugins={}
    )
    outgoing = Outgoing(call, "chat", BODY, candidate=None, secret=None, stream=False)
    for shown in (call, outgoing, Translated(BODY, state=BODY)):
        assert PROMPT not in repr(shown)
    assert "gen-1" in repr(call)
