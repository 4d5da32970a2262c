"""What a reply used: Google's `usageMetadata`, our vector, and canonical chat's `usage`.

Sources: ai.google.dev/api/generate-content (UsageMetadata). `promptTokenCount` includes what was cached, but not what tools
put in (`toolUsePromptTokenCount`); `candidatesTokenCount` leaves out what was thought. It is in every chunk of a stream and
grows: the last counts. Counts that are 0 are left out, and some chunks have none at all.
"""

from typing import Any, Final

from taxiway.codec import Json, items
from taxiway.outcome import Bill
from taxiway.usage import Usage
from taxiway_gemini.members import count_of

_MODALITIES: Final = ("MODALITY_UNSPECIFIED", "TEXT", "IMAGE", "VIDEO", "AUDIO", "DOCUMENT")
"""By the enum's numbers."""

_DETAILS: Final = (("AUDIO", "audio_tokens"), ("VIDEO", "video_tokens"), ("IMAGE", "image_tokens"))

_TIERS: Final = {"standard": "default", "flex": "flex", "priority": "priority"}


def counted(metadata: Any) -> bool:
    """Whether a `usageMetadata` has counts."""
    return type(metadata) is dict and ("totalTokenCount" in metadata or "promptTokenCount" in metadata)


def usage_of(metadata: Json) -> Usage:
    """Make disjoint parts of a `usageMetadata`. Whatever its details say, the parts add up to its counts."""
    cached_by, out_by = _by_modality(metadata, "cacheTokensDetails"), _by_modality(metadata, "candidatesTokensDetails")
    into = _by_modality(metadata, "promptTokensDetails")
    used = _by_modality(metadata, "toolUsePromptTokensDetails")
    prompt = count_of(metadata.get("promptTokenCount")) + count_of(metadata.get("toolUsePromptTokenCount"))
    output = count_of(metadata.get("candidatesTokenCount"))
    cached = min(count_of(metadata.get("cachedContentTokenCount")), prompt)
    audio, image = (
        max(into.get(modality, 0) + used.get(modality, 0) - cached_by.get(modality, 0), 0)
        for modality in ("AUDIO", "IMAGE")
    )
    audio = min(audio, prompt - cached)
    image = min(image, prompt - cached - audio)
    audio_out = min(out_by.get("AUDIO", 0), output)
    image_out = min(out_by.get("IMAGE", 0), output - audio_out)
    return Usage(
        input=prompt - cached - audio - image,
        cache_read=cached,
        output=output - audio_out - image_out,
        reasoning=count_of(metadata.get("thoughtsTokenCount")),
        audio_in=audio,
        audio_out=audio_out,
        image_in=image,
        image_out=image_out,
    )


def chat_usage(metadata: Json) -> Json:
    """Say a `usageMetadata` as canonical chat does: what was thought is part of the completion."""
    thought = count_of(metadata.get("thoughtsTokenCount"))
    prompt = count_of(metadata.get("promptTokenCount")) + count_of(metadata.get("toolUsePromptTokenCount"))
    completion = count_of(metadata.get("candidatesTokenCount")) + thought
    into, out = _by_modality(metadata, "promptTokensDetails"), _by_modality(metadata, "candidatesTokensDetails")
    return {
        "prompt_tokens": prompt,
        "completion_tokens": completion,
        "total_tokens": prompt + completion,
        "prompt_tokens_details": {
            "cached_tokens": count_of(metadata.get("cachedContentTokenCount")),
            **{name: into[modality] for modality, name in _DETAILS if modality in into},
        },
        "completion_tokens_details": {
            "reasoning_tokens": thought,
            **{name: out[modality] for modality, name in _DETAILS if modality in out},
        },
    }


def tier_of(metadata: Json) -> str | None:
    """Return the canonical service tier that a `usageMetadata` names."""
    tier = metadata.get("serviceTier")
    return _TIERS.get(tier.lower()) if type(tier) is str else None


def metadata_of(usage: Any) -> Json:
    """Say canonical chat's `usage` as Google does."""
    if type(usage) is not dict:
        return {}
    details, thought = usage.get("prompt_tokens_details"), usage.get("completion_tokens_details")
    cached = count_of(details.get("cached_tokens")) if type(details) is dict else 0
    reasoning = count_of(thought.get("reasoning_tokens")) if type(thought) is dict else 0
    prompt, completion = count_of(usage.get("prompt_tokens")), count_of(usage.get("completion_tokens"))
    return _told(prompt, completion - reasoning, reasoning, cached)


def billed(metadata: Json, bill: Bill) -> Json:
    """Write into a `usageMetadata` what the bill counts, and what it costs. `cost` is absent where it is unknown."""
    usage, cost = bill.usage, bill.cost
    if usage is None:
        return metadata
    used = min(count_of(metadata.get("toolUsePromptTokenCount")), usage.prompt)
    # An image's tokens stay among the candidates', as Google counts them.
    told = metadata | _told(usage.prompt - used, usage.completion - usage.reasoning, usage.reasoning, usage.cache_read)
    told["totalTokenCount"] = usage.total
    if cost is not None:
        told["cost"] = cost.total
    told["isByok"] = bill.is_byok
    if usage.estimated:
        told["estimated"] = True
    return told


def _told(prompt: int, candidates: int, thoughts: int, cached: int) -> Json:
    told = {"promptTokenCount": prompt, "candidatesTokenCount": max(candidates, 0)}
    if thoughts:
        told["thoughtsTokenCount"] = thoughts
    if cached:
        told["cachedContentTokenCount"] = cached
    told["totalTokenCount"] = prompt + max(candidates, 0) + thoughts
    return told


def _by_modality(metadata: Json, name: str) -> dict[str, int]:
    counts: dict[str, int] = {}
    for detail in items(metadata.get(name)):
        modality = detail.get("modality")
        if type(modality) is int and 0 <= modality < len(_MODALITIES):
            modality = _MODALITIES[modality]
        if type(modality) is str:
            counts[modality] = counts.get(modality, 0) + count_of(detail.get("tokenCount"))
    return counts
