"""Versions of the API, and its beta features.

Wire: platform.claude.com/docs: api/versioning, api/beta-headers, claude-on-amazon-bedrock, claude-on-vertex-ai.
"""

from collections.abc import Mapping
from typing import Final

VERSION: Final = "2023-06-01"
"""The header `anthropic-version`."""

BEDROCK_VERSION: Final = "bedrock-2023-05-31"
VERTEX_VERSION: Final = "vertex-2023-10-16"
"""The body's `anthropic_version` there: it stands for the header."""

_ASKED: Final = ("anthropic-beta", "x-anthropic-beta")


def betas(headers: Mapping[str, str]) -> tuple[str, ...]:
    """Return the beta features that a call's headers ask for, each once. `x-anthropic-beta` is OpenRouter's name for it."""
    named = [beta.strip() for name in _ASKED for beta in headers.get(name, "").split(",")]
    return tuple(dict.fromkeys(beta for beta in named if beta))
