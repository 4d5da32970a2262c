"""Everything Taxiway raises.

TaxiwayError
├── ConfigError        a configuration that can't be used: every problem, each with its place
├── PluginError        a plugin that can't be used: which, from what distribution, why
├── KeyStoreError      a key reference that can't be resolved
├── InvalidRequest     the client's request is wrong (ours to say, before any provider is asked)
│   └── UnknownModel   it asks for a model that nobody serves here
├── Unsupported        this endpoint can't express the request; another may
├── Malformed          bytes that are not what their format says
├── TransportError     an HTTP exchange that failed: the phase, the reason, how much was sent
├── StoreUnavailable   the store can't answer now
├── SpoolUnavailable   the spool can't be written, so a new call can't be accounted
└── CallError          a call that failed after all attempts (in `taxiway.outcome`)
"""

from collections.abc import Sequence
from typing import Literal, TypeAlias

from attrs import frozen

from taxiway.http import Phase, Sent

Reason: TypeAlias = Literal[
    "name",
    "refused",
    "unreachable",
    "certificate",
    "protocol",
    "reset",
    "closed",
    "stale",
    "timeout",
    "oversized",
    "local",
    "cancelled",
]
"""Why an exchange failed. `local` is our own fault (no descriptors left), `oversized` a limit of ours on the peer."""


class TaxiwayError(Exception):
    """Whatever Taxiway raises on purpose."""


@frozen
class Problem:
    """One mistake in a configuration: what is wrong, and where (`credentials[1].provider`)."""

    message: str
    path: str = ""

    def __str__(self) -> str:
        return f"{self.path}: {self.message}" if self.path else self.message


class ConfigError(TaxiwayError):
    """A configuration that can't be used. Holds all of its problems at once; `source` is the file, where there is one."""

    def __init__(self, problems: Sequence[Problem], source: str = "") -> None:
        self.problems = tuple(problems)
        self.source = source
        where = f"{source}: " if source else ""
        super().__init__("\n".join(f"{where}{problem}" for problem in self.problems))


class PluginError(TaxiwayError):
    """A plugin that can't be used: its entry point, the distribution it came from, the reason and what to do."""

    def __init__(self, plugin: str, distribution: str, reason: str) -> None:
        self.plugin, self.distribution, self.reason = plugin, distribution, reason
        super().__init__(f"plugin {plugin} (from {distribution}): {reason}")


class KeyStoreError(TaxiwayError):
    """A reference that its key store can't resolve. The reference is shown; no value ever is."""

    def __init__(self, reference: str, reason: str) -> None:
        self.reference, self.reason = reference, reason
        super().__init__(f"{reference}: {reason}")


class InvalidRequest(TaxiwayError):
    """The client's request is wrong. `field` is where (`messages[0].role`), empty for the body as a whole."""

    def __init__(self, field: str, message: str) -> None:
        self.field, self.message = field, message
        super().__init__(f"{field}: {message}" if field else message)


class UnknownModel(InvalidRequest):
    """The client asks for a model that nobody serves here. `why` for people; `near`: models that it may have meant."""

    def __init__(self, model: str, why: str, near: Sequence[str] = ()) -> None:
        self.model, self.near = model, tuple(near)
        hint = f"; did you mean {' or '.join(near)}?" if near else ""
        super().__init__("model", f"{model} is not a valid model ID: {why}{hint}")


class Unsupported(TaxiwayError):
    """An endpoint can't express `field` of the request. Nothing was sent."""

    def __init__(self, field: str, message: str) -> None:
        self.field, self.message = field, message
        super().__init__(f"{field}: {message}")


class Malformed(TaxiwayError):
    """Bytes that are not what their format says (JSON, server-sent events, frames)."""


class StoreUnavailable(TaxiwayError):
    """The store could not answer in time. Requests go on from memory; management routes say 503."""


class SpoolUnavailable(TaxiwayError):
    """The spool can't be written. A call that is not yet open is refused: unaccounted use would break a promise."""


class TransportError(TaxiwayError):
    """An HTTP exchange that failed.

    `bytes_in` counts bytes of the reply; `reused`: the connection had served before; `detail` is for people.
    """

    def __init__(
        self, phase: Phase, reason: Reason, sent: Sent, *, reused: bool = False, bytes_in: int = 0, detail: str = ""
    ) -> None:
        self.phase, self.reason, self.sent = phase, reason, sent
        self.reused, self.bytes_in, self.detail = reused, bytes_in, detail
        super().__init__(f"{reason} in phase {phase}" + (f": {detail}" if detail else ""))
