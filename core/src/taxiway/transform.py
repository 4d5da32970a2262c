"""What a transform plugin implements: a change of a request for one candidate, after that one is chosen."""

from typing import Protocol

from taxiway.call import Call
from taxiway.candidate import Endpoint
from taxiway.codec import Json


class Transform(Protocol):
    """Changes what a call asks for, so that an endpoint can serve it: the text of a PDF where it takes no files, and the like.

    It works on the canonical dialect of the operation. `call.plugins` says whether the client asked for it, and how. `fetches`:
    the modalities (`file`, `image`, ...) that it needs as data URLs, so that what is given by another URL is fetched for it.
    """

    fetches: frozenset[str]

    def applies(self, call: Call, endpoint: Endpoint) -> bool:
        """Whether it has something to do. Called for each attempt, so it is quick: it looks at facts, not at the body."""
        ...

    async def request(self, call: Call, endpoint: Endpoint, body: Json) -> Json:
        """Return the changed body; `body` itself stays as it is. The result serves every endpoint to which the same applies.

        What takes long is done in a thread. Raises Unsupported where the endpoint can't be asked this, InvalidRequest where
        the request is wrong whoever is asked.
        """
        ...
