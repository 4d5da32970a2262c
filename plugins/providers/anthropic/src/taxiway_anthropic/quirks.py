"""What a declaration can't say of Anthropic: beta features that a call asks for, what only others can read, what each model takes.

Sources: platform.claude.com/docs: api/beta-headers, api/rate-limits (which models share their limits), about-claude/models.
"""

from collections.abc import Iterable
from typing import Final

from attrs import evolve

from taxiway.call import Outgoing
from taxiway.candidate import Endpoint
from taxiway.codec import Json
from taxiway_anthropic_messages import betas, claude_named, without_foreign

_EVERY: Final = frozenset(
    "max_tokens max_completion_tokens stop tools tool_choice parallel_tool_calls response_format".split()
)
_SAMPLING: Final = frozenset("temperature top_p top_k".split())
_THINKING: Final = frozenset("reasoning include_reasoning reasoning_effort".split())

_SEARCHES: Final = (3, 5)
"""Which version on searches the web: tool-use/web-search-tool."""

_SHARED: Final = {("opus", 4): "claude-opus-4", ("sonnet", 4): "claude-sonnet-4"}
"""Models whose limits are one, by family and major version."""


def request(body: Json, outgoing: Outgoing) -> Json:
    """Leave out what another model's answer carried."""
    return without_foreign(body)


def headers(outgoing: Outgoing) -> Iterable[tuple[str, str]]:
    """Ask for the beta features that the call asks for."""
    asked = betas(outgoing.call.headers)
    return (("anthropic-beta", ",".join(asked)),) if asked else ()


def known(endpoint: Endpoint) -> Endpoint:
    """Say what the endpoint's model takes, where it is one that is known."""
    model = claude_named(endpoint.id)
    if model is None:
        return endpoint
    takes = _EVERY | (_SAMPLING if model.sampling else frozenset())
    if model.budget or model.adaptive:
        takes |= _THINKING
    if model.structured:
        takes |= {"structured_outputs"}
    if model.efforts:
        takes |= {"verbosity"}
    if model.version >= _SEARCHES:
        takes |= {"web_search_options"}
    return evolve(
        endpoint,
        parameters=((endpoint.parameters or frozenset()) | takes) - endpoint.unsupported,
        unsupported=endpoint.unsupported if model.sampling else endpoint.unsupported | _SAMPLING,
        prefill=model.prefill,
        quota_group=_SHARED.get((model.family, model.version[0]), endpoint.id),
    )
