"""The contract of providers, as tests: subclass it in a plugin's tests.

class TestAcme(ProviderContract):
    module = taxiway_acme
    registration = next(iter(taxiway_acme.taxiway_providers()))
    samples = (Sample(body={...}, reply=b"..."), Sample(body={...}, reply=b"data: ...", stream=True))
"""

import copy
import re
from collections.abc import Iterable, Mapping, Sequence
from types import ModuleType
from typing import Any

import pytest
from attrs import frozen
from hypothesis import given
from hypothesis import strategies as st

from taxiway.call import Facts, Outgoing
from taxiway.candidate import Account, Credential, Operation
from taxiway.catalog import CatalogModel
from taxiway.chat import CHAT
from taxiway.codec import Json
from taxiway.converter import structure
from taxiway.dialect import Dialect
from taxiway.embeddings import EMBEDDINGS
from taxiway.errors import ConfigError, Malformed
from taxiway.failures import POLICIES
from taxiway.hookspecs import API
from taxiway.http import HttpHead, HttpRequest
from taxiway.provider import Event, Provider, Replies
from taxiway.registration import AnyRegistration
from taxiway.secret import Secret
from taxiway.testing.dialect import INHERITED, JSON, context, make_call, make_candidate

NOW = 1_760_000_000.0


@frozen(kw_only=True)
class Sample:
    """One exchange: a body in `dialect`, and the bytes of a good reply."""

    body: Json
    reply: bytes
    dialect: str = "chat"
    stream: bool = False
    content_type: str = "application/json"


class KnownModels:
    """A catalog that knows, of every provider, the models that it was given."""

    def __init__(self, models: Iterable[CatalogModel]) -> None:
        self._models = {model.id: model for model in models}

    def provider(self, name: str) -> Mapping[str, CatalogModel]:
        """Return them."""
        return self._models


class ProviderContract:
    """What every provider holds to. `key` is planted and looked for; None for keyless servers.

    `hidden`: the parts of a key that only signs (the secret half of a pair); then it is these that are looked for, and nothing that
    is sent has them, headers included.
    """

    module: ModuleType
    registration: AnyRegistration
    options: Mapping[str, Any] = {}
    settings: Mapping[str, Any] = {}
    key: str | None = "sk-planted-0123456789abcdef"
    hidden: Sequence[str] = ()
    samples: Sequence[Sample] = ()
    models: Sequence[CatalogModel] = (
        CatalogModel(id="model-1", slug="acme/model-1", name="Model 1"),
        CatalogModel(id="model-2", slug="acme/model-2", name="Model 2", operation="embeddings"),
    )
    dialects: Mapping[str, Dialect] = {"chat": CHAT, "embeddings": EMBEDDINGS}
    limit_headers: Sequence[str] = ()

    @pytest.fixture
    def provider(self) -> Provider:
        """The built provider."""
        return self._build()

    def test_the_module_says_which_api_it_was_built_for(self) -> None:
        assert self.module.TAXIWAY_API[0] == API[0]
        assert self.module.TAXIWAY_API[1] <= API[1]

    def test_a_misspelt_option_is_refused(self) -> None:
        with pytest.raises(ConfigError):
            structure({**self.options, "no_such_option": 1}, self.registration.options)

    def test_a_misspelt_setting_is_refused_by_label(self, provider: Provider) -> None:
        credential = self._credential({"no_such_setting": "x"})
        with pytest.raises(ConfigError, match=re.escape(credential.label)):
            provider.accounts(credential, self._secret())

    def test_a_key_that_can_not_be_sent_is_refused_by_label(self, provider: Provider) -> None:
        if self.key is None:
            pytest.skip("no keys")
        for wrong in (f"{self.key}\n{self.key}", f"{self.key[:-1]}\N{HORIZONTAL ELLIPSIS}"):
            credential = self._credential(self.settings)
            with pytest.raises(ConfigError, match=re.escape(credential.label)) as raised:
                provider.accounts(credential, Secret(wrong))
            assert self.key[:-1] not in str(raised.value)

    def test_every_endpoint_pairs_up_and_is_named_once(self, provider: Provider) -> None:
        accounts = self._accounts(provider)
        endpoints = list(provider.endpoints(KnownModels(self.models), accounts))
        assert endpoints
        assert len({endpoint.key for endpoint in endpoints}) == len(endpoints)
        for endpoint in endpoints:
            assert endpoint.provider == provider.slug
            assert endpoint.provider_name == provider.name
            assert endpoint.dialects
            assert any(provider.serves(endpoint, account) for account in accounts)

    def test_the_key_is_in_headers_and_nowhere_else(self, provider: Provider) -> None:
        for request, outgoing in self._requests(provider):
            shown = f"{request!r} {outgoing!r} {provider!r} {vars(provider)!r} {request.target} {request.origin}"
            self._shows_only_in_headers(request, shown)

    def test_header_names_are_lower_case_and_none_is_the_transports(self, provider: Provider) -> None:
        for request, _ in self._requests(provider):
            names = [name for name, _ in request.headers]
            assert names == [name.lower() for name in names]
            assert len(set(names)) == len(names)
            assert not {"host", "content-length", "accept-encoding", "connection"}.intersection(names)

    def test_preparing_is_pure(self, provider: Provider) -> None:
        for request, outgoing in self._requests(provider):
            before = copy.deepcopy(outgoing.body)
            again = provider.prepare(outgoing, NOW)
            assert outgoing.body == before
            assert _parts(again) == _parts(request)

    @INHERITED
    @given(data=st.data())
    def test_any_split_of_the_bytes_gives_the_same_events(self, data: st.DataObject) -> None:
        provider = self._build()
        if not self.samples:
            return
        sample = data.draw(st.sampled_from(self.samples))
        outgoing = self._outgoing(provider, sample)
        cuts = sorted(data.draw(st.lists(st.integers(0, len(sample.reply)), max_size=20)))
        pieces = [sample.reply[start:end] for start, end in zip([0, *cuts], [*cuts, len(sample.reply)], strict=True)]
        whole, split = self._replies(provider, sample, outgoing), self._replies(provider, sample, outgoing)
        assert _decode(split, pieces) == _decode(whole, [sample.reply])
        assert split.mark == whole.mark

    def test_a_sample_is_done_and_a_cut_one_never(self, provider: Provider) -> None:
        for sample in self.samples:
            outgoing = self._outgoing(provider, sample)
            whole = _decode(self._replies(provider, sample, outgoing), [sample.reply])
            step = max(1, len(sample.reply) // 200)
            for length in [*range(0, len(sample.reply), step), len(sample.reply)]:
                replies = self._replies(provider, sample, outgoing)
                progress = _upstream(self.dialects[sample.dialect]).progress(sample.stream)
                try:
                    events = _decode(replies, [sample.reply[:length]], framed=length == len(sample.reply))
                except Malformed:
                    assert length < len(sample.reply)
                    continue
                for event in events:
                    assert isinstance(event, dict)
                    progress.see(event)
                progress.close(replies.mark, framed=length == len(sample.reply))
                if length == len(sample.reply):
                    assert progress.done
                elif sample.stream:
                    # The last event may be whole before the last byte.
                    assert not progress.done or events == whole

    def test_bytes_that_are_no_reply_are_malformed(self, provider: Provider) -> None:
        for sample in self.samples:
            replies = self._replies(provider, sample, self._outgoing(provider, sample))
            with pytest.raises(Malformed):
                _decode(replies, [b"data: {no json\n\n"])

    @pytest.mark.parametrize("status", [400, 401, 402, 403, 404, 408, 409, 413, 422, 429, 500, 502, 503, 504, 529])
    def test_every_status_is_classified(self, provider: Provider, status: int) -> None:
        for sample in self.samples[:1]:
            failure = provider.classify(self._outgoing(provider, sample), status, {}, f"<html>{self.key}</html>", NOW)
            assert failure.kind in POLICIES
            assert failure.status == status
            assert failure.message
            assert self.key is None or self.key not in repr(failure)

    @INHERITED
    @given(error=st.dictionaries(st.text(), JSON) | st.fixed_dictionaries({"error": JSON}) | st.text())
    def test_classifying_never_raises(self, error: Any) -> None:
        provider = self._build()
        for sample in self.samples[:1]:
            outgoing = self._outgoing(provider, sample)
            for status in (None, 429, 500):
                headers = {"retry-after": str(error)[:20]}
                assert provider.classify(outgoing, status, headers, error, NOW).kind in POLICIES

    @INHERITED
    @given(data=st.data())
    def test_reading_limits_never_raises_and_gives_only_sense(self, data: st.DataObject) -> None:
        provider = self._build()
        if not self.samples or not self.limit_headers:
            return
        numbers = st.integers(-(2**70), 2**70).map(str) | st.floats().map(str)
        value = st.text(max_size=12) | numbers | st.from_regex(r"(\d+h)?(\d+m)?\d+(\.\d+)?m?s", fullmatch=True)
        headers = data.draw(st.dictionaries(st.sampled_from(list(self.limit_headers)), value))
        outgoing = self._outgoing(provider, self.samples[0])
        for hint in provider.hints(outgoing, HttpHead(200, headers), NOW):
            assert hint.limit is None or hint.remaining is None or 0 <= hint.remaining <= hint.limit
            assert hint.reset is None or hint.reset >= NOW

    def test_a_probe_shows_the_key_in_headers_only(self, provider: Provider) -> None:
        for account in self._accounts(provider):
            request = provider.probe(account, account.secret, NOW)
            if request is not None:
                self._shows_only_in_headers(request, f"{request!r} {request.target}")

    def _shows_only_in_headers(self, request: HttpRequest, shown: str) -> None:
        values = [value for _, value in request.headers]
        for secret in self.hidden or filter(None, (self.key,)):
            assert secret not in shown
            assert secret.encode() not in request.body
            assert any(secret in value for value in values) is not bool(self.hidden)

    def _build(self) -> Provider:
        built: Provider = self.registration.build(structure(self.options, self.registration.options), context())
        return built

    def _secret(self) -> Secret | None:
        return None if self.key is None else Secret(self.key)

    def _credential(self, settings: Mapping[str, Any]) -> Credential:
        return Credential(id="acme/planted", provider="acme", label="planted-label", settings=settings)

    def _accounts(self, provider: Provider) -> Sequence[Account]:
        return provider.accounts(self._credential(self.settings), self._secret())

    def _outgoing(self, provider: Provider, sample: Sample) -> Outgoing:
        accounts = self._accounts(provider)
        operation: Operation = self.dialects[sample.dialect].operation
        endpoint, account = next(
            (endpoint, account)
            for endpoint in provider.endpoints(KnownModels(self.models), accounts)
            for account in accounts
            if sample.dialect in endpoint.dialects.get(operation, ()) and provider.serves(endpoint, account)
        )
        call = make_call(self.dialects[sample.dialect], sample.body, Facts((endpoint.model,), stream=sample.stream))
        candidate = make_candidate(endpoint, account)
        return Outgoing(call, sample.dialect, call.body, candidate, account.secret, sample.stream)

    def _requests(self, provider: Provider) -> Iterable[tuple[HttpRequest, Outgoing]]:
        for sample in self.samples:
            outgoing = self._outgoing(provider, sample)
            yield provider.prepare(outgoing, NOW), outgoing

    def _replies(self, provider: Provider, sample: Sample, outgoing: Outgoing) -> Replies:
        return provider.replies(outgoing, HttpHead(200, {"content-type": sample.content_type}))


def _parts(request: HttpRequest) -> tuple[object, ...]:
    return request.method, request.origin, request.target, request.headers, request.body


def _decode(replies: Replies, pieces: Iterable[bytes], framed: bool = True) -> list[Event]:
    events = [event for piece in pieces for event in replies.feed(piece)]
    return [*events, *replies.close(framed)]


def _upstream(dialect: Dialect) -> Any:
    return dialect.upstream
