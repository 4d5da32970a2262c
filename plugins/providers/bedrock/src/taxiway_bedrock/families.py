"""What the models of each maker take beyond the fields that Converse has for all, as rows. What single Claudes take is known to
taxiway-anthropic-messages: it is the same wherever they run.

Sources: docs.aws.amazon.com/bedrock/latest/userguide: model-parameters-* (fields of each maker's models), prompt-caching;
docs.aws.amazon.com/nova/latest/nova2-userguide: extended-thinking; for OpenAI's models, requests that users reported as taken.
Recorded traffic.
"""

import re
from functools import lru_cache
from typing import Final, Literal, TypeAlias

from attrs import evolve, frozen

from taxiway_anthropic_messages import Claude, claude_named

Thinking: TypeAlias = Literal["", "claude", "nova", "flat", "nested"]
"""How a model is told to think: not at all; Claude's `thinking`; Nova's `reasoningConfig`; `reasoning_effort`; `reasoning.effort`."""

CLAUDE: Final = "anthropic-claude-v1"
"""The format of Claude's reasoning details, which is meant where none is named."""

_LOW_TO_HIGH: Final = ("low", "medium", "high")


@frozen(kw_only=True)
class Family:
    """One row. `pattern` is searched in a model's id, or in its slug where the id is an ARN.

    `claude`: what this one takes, of a Claude. `efforts`: those that it has, the least first. `samples`: temperature, top_p and
    top_k are taken, and `pair`: temperature and top_p at once. `top_k`: where that is among the maker's own fields. `caches`: cache
    points are taken, `caches_tools` also among tools. `format`: of its reasoning details, and `echoes` what of them it takes back:
    `signed` (text with its signature, and encrypted), `plain` (text as well), nothing. `chooses`: it can be made to use a certain
    tool. `documents`: files are read although the catalog does not say so. `prefill`: it goes on where a last assistant message ends.
    """

    pattern: str
    claude: Claude | None = None
    thinks: Thinking = ""
    efforts: tuple[str, ...] = _LOW_TO_HIGH
    samples: bool = True
    pair: bool = True
    top_k: tuple[str, ...] = ()
    caches: bool = False
    caches_tools: bool = False
    format: str = "unknown"
    echoes: Literal["", "signed", "plain"] = ""
    chooses: bool = False
    documents: bool = False
    prefill: bool = False


_NOVA: Final = Family(pattern=r"nova", top_k=("inferenceConfig", "topK"), caches=True, chooses=True)

FAMILIES: Final = (
    Family(
        pattern=r"claude",
        thinks="claude",
        top_k=("top_k",),
        caches=True,
        caches_tools=True,
        format=CLAUDE,
        echoes="signed",
        chooses=True,
    ),
    evolve(_NOVA, pattern=r"nova-2", thinks="nova", echoes="plain", documents=True),
    evolve(_NOVA, pattern=r"nova-(lite|pro|premier)", documents=True),
    _NOVA,
    Family(pattern=r"gpt-oss", thinks="flat", echoes="plain"),
    Family(
        pattern=r"openai\.",
        thinks="nested",
        efforts=("none", "low", "medium", "high", "xhigh", "max"),
        format="bedrock-openai-responses-v1",
        echoes="signed",
    ),
    Family(pattern=r"kimi-k2", thinks="flat"),
    Family(pattern=r"cohere\.command", top_k=("k",)),
    Family(pattern=r"mistral|pixtral|qwen", top_k=("top_k",)),
    Family(pattern=r""),
)
"""The first row that matches holds; the last is for all others."""


@lru_cache(maxsize=1024)
def family_of(id_: str, slug: str) -> Family:
    """Return the row of a model."""
    name = slug if id_.startswith("arn:") else id_
    family = next(family for family in FAMILIES if re.search(family.pattern, name))
    known = claude_named(name) if family.thinks == "claude" else None
    if known is None:
        return family
    return evolve(family, claude=known, samples=known.sampling, pair=known.pair, prefill=known.prefill)
