"""How far a Responses reply has come, and the complete reply of a stream."""

from typing import TYPE_CHECKING

from taxiway.codec import Json
from taxiway.errors import Malformed
from taxiway_openai_responses.output import CALLS, ENDS, QUIET, SHAPELESS, calls, finish_of, texts
from taxiway_openai_responses.usage import usage_of

if TYPE_CHECKING:
    from taxiway.usage import Usage


class ResponsesProgress:
    """Reads events, or the one complete reply. Only the API's own end makes it done: `response.completed` or `.incomplete`."""

    __slots__ = tuple("_called _pieces _stream done finish native_finish started upstream_id usage".split())

    def __init__(self, stream: bool) -> None:
        self.started = self.done = self._called = False
        self.finish: str | None = None
        self.native_finish: str | None = None
        self.usage: Usage | None = None
        self.upstream_id: str | None = None
        self._stream = stream
        self._pieces: list[str] = []

    def see(self, event: Json) -> None:
        """Take one event, or the one complete reply. Raises Malformed."""
        try:
            if self._stream:
                self._event(event)
            else:
                self._response(event, ended=event.get("status") in {"completed", "incomplete"})
        except SHAPELESS:
            raise Malformed("a Responses reply of another form than the API's") from None

    def close(self, mark: bool, framed: bool) -> None:
        """The body ended: that says nothing here."""

    @property
    def text(self) -> str:
        """The text so far."""
        return "".join(self._pieces)

    def _event(self, event: Json) -> None:
        kind: str = event["type"]
        if kind == "response.output_text.delta":
            self.started = True
            self._pieces.append(_text(event["delta"]))
        elif kind.endswith(".delta"):
            self.started = True
        elif kind == "response.output_item.added":
            item = event["item"].get("type")
            self.started = self.started or item not in QUIET
            self._called = self._called or item in CALLS
        elif kind == "response.output_item.done":
            self.started = True
            self._called = self._called or event["item"].get("type") in CALLS
        elif "response" in event:
            self._response(event["response"], ended=kind in ENDS)

    def _response(self, response: Json, *, ended: bool) -> None:
        if self.upstream_id is None:
            self.upstream_id = response.get("id") or None
        if response.get("usage"):
            self.usage = usage_of(response["usage"])
        if not ended:
            return
        output = response.get("output") or []
        if not self._pieces:
            self._pieces = [_text(text) for text in texts(output)]
        self.started = self.started or bool(output)
        self.finish, self.native_finish = finish_of(response, called=self._called or calls(output))
        self.done = True


class ResponsesFold:
    """Makes the complete reply out of events: the last tells it, but for its items. Those were told one by one, and as OpenAI's
    reference says, what is encrypted in them is to be taken from there.
    """

    __slots__ = ("_items", "_response")

    def __init__(self) -> None:
        self._response: Json = {}
        self._items: dict[int, Json] = {}

    def feed(self, event: Json) -> None:
        """Take one event. It is not changed."""
        if type(event.get("response")) is dict:
            self._response = event["response"]
        elif event.get("type") == "response.output_item.done":
            self._items[event["output_index"]] = event["item"]

    def reply(self) -> Json:
        """Return the complete reply."""
        if not self._items:
            return self._response
        return {**self._response, "output": [self._items[index] for index in sorted(self._items)]}


def _text(value: object) -> str:
    if type(value) is not str:
        raise TypeError
    return value
