"""API keys: what Taxiway issues to apps. 256 random bits, of which only a hash is ever stored.

Form: `tw-v1-`, 43 base62 characters, 6 base62 characters of the CRC-32 of all before them. The checksum lets typos and the
noise of scanners be refused without a look-up (after GitHub's token format); it proves nothing.
"""

import hashlib
import secrets
import zlib
from typing import Final

PREFIX: Final = "tw-v1-"
_DIGITS: Final = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_RANDOM: Final = 43
_CHECK: Final = 6
SHORTEST_GIVEN: Final = 20
"""Characters that a key given by the operator (`TAXIWAY_API_KEY`) must have at least."""


def new_api_key() -> str:
    """Make a key. Its alphabet is `[A-Za-z0-9_-]`."""
    start = PREFIX + "".join(secrets.choice(_DIGITS) for _ in range(_RANDOM))
    return start + _checksum(start)


def is_well_formed(key: str) -> bool:
    """Whether `key` has a Taxiway key's form, checksum included."""
    return (
        len(key) == len(PREFIX) + _RANDOM + _CHECK
        and key.startswith(PREFIX)
        and key.isascii()
        and _checksum(key[:-_CHECK]) == key[-_CHECK:]
    )


def hash_api_key(key: str) -> str:
    """Return what is stored of a key: SHA-256, in hex. No salt and no slow hash: the key is random."""
    return hashlib.sha256(key.encode()).hexdigest()


def label_of(key: str) -> str:
    """Return what may be shown of a key: `tw-v1-abc...xyz`."""
    return f"{key[: len(PREFIX) + 3]}...{key[-3:]}" if key.startswith(PREFIX) else f"{key[:2]}...{key[-2:]}"


def _checksum(text: str) -> str:
    number, digits = zlib.crc32(text.encode()), ""
    for _ in range(_CHECK):
        number, digit = divmod(number, len(_DIGITS))
        digits = _DIGITS[digit] + digits
    return digits
