"""The dialect `converse`: Bedrock's one form for the models of all makers. It has only the half towards the provider."""

from typing import Any, Final

from taxiway.call import Translated
from taxiway.candidate import Endpoint
from taxiway.codec import Json
from taxiway.dialect import Dialect, Fold, Progress, Translator
from taxiway_bedrock.events import ChunkTranslator
from taxiway_bedrock.progress import ConverseFold, ConverseProgress
from taxiway_bedrock.reply import reply_to_canonical
from taxiway_bedrock.request import from_canonical


class ConverseUpstream:
    """How Converse and ConverseStream are talked to."""

    def from_canonical(self, body: Json, endpoint: Endpoint) -> Translated:
        """Translate a canonical chat body. Raises Unsupported, InvalidRequest."""
        return from_canonical(body, endpoint)

    def reply_to_canonical(self, reply: Json, state: Any) -> Translated:
        """Translate a complete reply. Raises Malformed."""
        return reply_to_canonical(reply, state)

    def events_to_canonical(self, state: Any) -> Translator:
        """Return the translator of one stream."""
        return ChunkTranslator(state)

    def progress(self, stream: bool) -> Progress:
        """Return the reader of one reply."""
        return ConverseProgress(stream)

    def fold(self) -> Fold:
        """Return what makes one reply out of a stream."""
        return ConverseFold()


CONVERSE: Final = Dialect(name="converse", operation="chat", upstream=ConverseUpstream())
