"""The strategy `canary`: a share of the conversations goes to something new, and each stays on its side."""

from collections.abc import Sequence
from functools import partial
from hashlib import blake2b
from random import Random

from taxiway import Call, Endpoint, HealthView, Ranked
from taxiway_standard.options import Canary
from taxiway_standard.scores import OUTAGE

_WHOLE = float(1 << 64)


class CanaryStrategy:
    """The endpoints of `to` first for that share of the conversations (or API keys), and last for all others; outages after both.

    Who is on which side is a hash, so it is the same for every process, and after a restart; a larger share keeps those who were
    there before. What hangs on nothing (no conversation, no API key) is drawn for each call.
    """

    def __init__(self, options: Canary) -> None:
        self._to, self._share, self._by = options.to, options.share, options.by

    def rank(self, call: Call, endpoints: Sequence[Endpoint], view: HealthView, random: Random) -> Sequence[Ranked]:
        """Put one side before the other; within a side all are equal."""
        chosen = self._place(call, view, random) < self._share
        to, out = self._to, view.in_outage(endpoints)
        said = ("the canary's side", "the other side") if chosen else ("the canary, for others", "as usual")
        ranked = []
        for endpoint in endpoints:
            canary = to in (endpoint.model, endpoint.tag, endpoint.provider)
            score = float(canary is not chosen)
            if endpoint in out:
                ranked.append(Ranked(endpoint, OUTAGE + score, "outage"))
            else:
                ranked.append(Ranked(endpoint, score, said[0] if canary else said[1]))
        return ranked

    def _place(self, call: Call, view: HealthView, random: Random) -> float:
        """Return where a call stands between 0 and 1."""
        place = view.derived(f"canary {self._to}", partial(self._known, call))
        return random.random() if place is None else place

    def _known(self, call: Call) -> float | None:
        """Work it out of who calls, or of the conversation; None where there is neither."""
        conversation = call.facts.conversation if self._by == "conversation" else None
        who = call.caller.api_key if conversation is None else conversation.mark
        if not who:
            return None
        # What the canary is called goes in too, so that the next one does not get the same conversations.
        text = f"{self._to}\n{call.caller.workspace}\n{who}".encode()
        return int.from_bytes(blake2b(text, digest_size=8).digest()) / _WHOLE
