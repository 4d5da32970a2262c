"""Taxiway: one API, many AI providers, your own keys.

`Router` and `SyncRouter` are what a program holds; everything else here is for those who write plugins. Importing this package
imports nothing else: a name is looked up when it is asked for (PEP 562).
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    # fmt: off
    from taxiway.call import Call, Caller, Conversation, Facts, Outgoing, Translated
    from taxiway.candidate import Account, Candidate, Credential, Endpoint, Limits, Operation, Section
    from taxiway.catalog import Catalog, CatalogModel
    from taxiway.clock import Clock, Duration, SystemClock
    from taxiway.codec import Json
    from taxiway.dialect import Client, Dialect, Fold, Progress, Stamp, Translator, Upstream, Writer
    from taxiway.errors import (
        ConfigError,
        InvalidRequest,
        KeyStoreError,
        Malformed,
        PluginError,
        Problem,
        StoreUnavailable,
        TaxiwayError,
        TransportError,
        Unsupported,
    )
    from taxiway.hookspecs import hookimpl
    from taxiway.http import Headers, HttpHead, HttpRequest, Origin
    from taxiway.keystore import Environment, KeyStore
    from taxiway.money import Price
    from taxiway.outcome import (
        AttemptRecord,
        Availability,
        Bill,
        CallError,
        Failure,
        Generation,
        Kind,
        Outcome,
        QuotaHint,
    )
    from taxiway.preferences import MaxPrice, Preferences, Sort
    from taxiway.provider import Carries, Event, InBandError, Provider, Replies
    from taxiway.registration import Closes, Context, NoOptions, Registration, Starts
    from taxiway.router import Router, SyncRouter
    from taxiway.secret import Secret, scrub
    from taxiway.sink import Checkpoints, Sink
    from taxiway.store import ApiKey, Spend, Store, Workspace
    from taxiway.strategy import HealthView, Observes, Ranked, Scores, Strategy
    from taxiway.transport import Exchange, Transport
    from taxiway.usage import Usage
    # fmt: on

# fmt: off
__all__ = [
    "Account", "ApiKey", "AttemptRecord", "Availability", "Bill", "Call", "CallError", "Caller", "Candidate", "Carries", "Catalog",
    "CatalogModel", "Checkpoints", "Client", "Clock", "Closes", "ConfigError", "Context", "Conversation", "Credential",
    "Dialect", "Duration", "Endpoint", "Environment", "Event", "Exchange", "Facts", "Failure", "Fold", "Generation", "Headers",
    "HealthView", "HttpHead", "HttpRequest", "InBandError", "InvalidRequest", "Json", "KeyStore", "KeyStoreError",
    "Kind", "Limits", "Malformed", "MaxPrice", "NoOptions", "Observes", "Operation", "Origin", "Outcome", "Outgoing", "PluginError",
    "Preferences", "Price", "Problem", "Progress", "Provider", "QuotaHint", "Ranked", "Registration", "Replies",
    "Router", "Scores", "Secret", "Section", "Sink", "Sort", "Spend", "Stamp", "Starts", "Store", "StoreUnavailable", "Strategy",
    "SyncRouter", "SystemClock", "TaxiwayError", "Translated", "Translator", "Transport", "TransportError",
    "Unsupported", "Upstream", "Usage", "Workspace", "Writer", "hookimpl", "scrub",
]

_HOMES = {
    "call": "Call Caller Conversation Facts Outgoing Translated",
    "candidate": "Account Candidate Credential Endpoint Limits Operation Section",
    "catalog": "Catalog CatalogModel",
    "clock": "Clock Duration SystemClock",
    "codec": "Json",
    "dialect": "Client Dialect Fold Progress Stamp Translator Upstream Writer",
    "errors": "ConfigError InvalidRequest KeyStoreError Malformed PluginError Problem StoreUnavailable TaxiwayError TransportError Unsupported",
    "hookspecs": "hookimpl",
    "http": "Headers HttpHead HttpRequest Origin",
    "keystore": "Environment KeyStore",
    "money": "Price",
    "outcome": "AttemptRecord Availability Bill CallError Failure Generation Kind Outcome QuotaHint",
    "preferences": "MaxPrice Preferences Sort",
    "provider": "Carries Event InBandError Provider Replies",
    "registration": "Closes Context NoOptions Registration Starts",
    "router": "Router SyncRouter",
    "secret": "Secret scrub",
    "sink": "Checkpoints Sink",
    "store": "ApiKey Spend Store Workspace",
    "strategy": "HealthView Observes Ranked Scores Strategy",
    "transport": "Exchange Transport",
    "usage": "Usage",
}
# fmt: on
_MODULES = {name: module for module, names in _HOMES.items() for name in names.split()}


def __getattr__(name: str) -> Any:
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = globals()[name] = getattr(import_module(f"{__name__}.{_MODULES[name]}"), name)
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
