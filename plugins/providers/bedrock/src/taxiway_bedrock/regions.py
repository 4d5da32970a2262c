"""Regions: where each is reached, and from which of them an inference profile may be called.

Sources: docs.aws.amazon.com/general/latest/gr/bedrock.html (endpoints), docs.aws.amazon.com/bedrock/latest/userguide:
inference-profiles-support, endpoints.
"""

import re
from typing import Final

_REGION: Final = re.compile(r"[a-z]{2,4}(-[a-z]+)+-\d{1,2}")
_DOMAINS: Final = {"cn-": "amazonaws.com.cn", "eusc-": "amazonaws.eu"}
_APART: Final = ("cn-", "us-gov-", "us-iso", "eu-iso", "eusc-")
"""Regions of partitions of their own: global profiles do not reach them."""

_SOURCES: Final = {
    "us": ("us-east-", "us-west-", "ca-"),
    "us-gov": ("us-gov-",),
    "ca": ("ca-",),
    "eu": ("eu-",),
    "apac": ("ap-",),
    "jp": ("ap-northeast-1", "ap-northeast-3"),
    "au": ("ap-southeast-2", "ap-southeast-4", "ap-southeast-6"),
}
"""By the prefix of an inference profile, how the regions begin that may call it."""

GLOBAL: Final = "global"
_PROFILE: Final = re.compile(rf"({'|'.join([*_SOURCES, GLOBAL])})\.(?=[a-z0-9-]+\.)")


def is_region(text: str) -> bool:
    """Whether a text looks like the name of a region."""
    return _REGION.fullmatch(text) is not None


def address(service: str, region: str) -> str:
    """Return where a service of Bedrock's (`bedrock-runtime`, `bedrock`) is reached."""
    domain = next((domain for start, domain in _DOMAINS.items() if region.startswith(start)), "amazonaws.com")
    return f"https://{service}.{region}.{domain}"


def profile_of(id_: str) -> tuple[str, str]:
    """Split a model's id into the prefix of its inference profile (`us`, `global`; empty where it has none) and the rest."""
    match = _PROFILE.match(id_)
    return ("", id_) if match is None else (match[1], id_[match.end() :])


def reaches(region: str, profile: str) -> bool:
    """Whether a profile may be called from a region. Every region may call what has none; whether it is there, it says itself."""
    if not profile:
        return True
    if profile == GLOBAL:
        return not region.startswith(_APART)
    return region.startswith(_SOURCES[profile])
