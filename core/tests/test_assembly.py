"""From a configuration to running parts, with a house of fake plugins."""

import asyncio
import sys
from pathlib import Path
from types import ModuleType
from typing import ClassVar

import pytest
from attrs import field, frozen, validators
from importlib_metadata import EntryPoint

from taxiway import (
    Account,
    ConfigError,
    Context,
    Credential,
    Dialect,
    Endpoint,
    KeyStoreError,
    NoOptions,
    Price,
    Problem,
    Registration,
    Secret,
    hookimpl,
    virtual,
)
from taxiway.assembly import resolve
from taxiway.clock import Duration
from taxiway.composition import compose
from taxiway.config import Config, read
from taxiway.plugins import Plugins


def parse(raw):
    return read(raw).checked()


@frozen
class AlphaSettings:
    region: str = ""


@frozen
class AlphaOptions:
    slug: str = "alpha"
    models: tuple[str, ...] = ("author/one", "author/two")
    window: Duration = 1.0


class Alpha:
    """A provider that needs a key and serves what its options list."""

    settings: ClassVar = AlphaSettings

    def __init__(self, options, context):
        self.slug, self.name, self.options, self.context = options.slug, options.slug.title(), options, context

    def accounts(self, credential, secret):
        if secret is None:
            raise ConfigError([Problem("needs a key", f"{credential.label}.key")])
        return [Account(credential=credential, label=credential.label, secret=secret)]

    def endpoints(self, catalog, accounts):
        for model in self.options.models if accounts else ():
            yield Endpoint(
                model=model,
                provider=self.slug,
                provider_name=self.name,
                id=model.partition("/")[2],
                tag=self.slug,
                dialects={"chat": ("chat",)},
                unsupported=frozenset({"tools", "stop"}),
            )

    def serves(self, endpoint, account):
        return account.credential.settings.get("region") != "none"


class Spare(Alpha):
    """Needs no key, and has a transport of its own."""

    def __init__(self, options, context):
        super().__init__(AlphaOptions(slug="spare", models=("spare/echo",)), context)
        self.transport = Transport("spare")

    def accounts(self, credential, secret):
        return [Account(credential=credential, label=credential.label)]


class Transport:
    def __init__(self, *schemes):
        self.schemes = frozenset(schemes)
        self.log = []

    def open(self, request, connect):
        raise NotImplementedError

    async def start(self):
        self.log.append("start")

    async def aclose(self):
        self.log.append("close")


class Part(Transport):
    """Whatever starts and closes; `fails` in one of them."""

    fails = ""

    def __init__(self, options=None, context=None):
        super().__init__("http", "https")
        self.options, self.context = options, context

    async def start(self):
        await super().start()
        if self.fails == "start":
            raise OSError("can't start")

    async def aclose(self):
        await super().aclose()
        if self.fails == "close":
            raise OSError("can't close")


class Vault:
    values: ClassVar = {"ALPHA_KEY": "one", "ALPHA_SECOND": "two"}

    def __init__(self, options, context):
        self.context = context

    async def get(self, reference):
        if reference == "BROKEN":
            raise OSError("no route to planted sk-planted0123456789")
        if reference == "SLOW":
            await asyncio.sleep(3600)
        if reference not in self.values:
            raise KeyStoreError(f"env:{reference}", "is not set")
        return Secret(self.values[reference])

    def environment(self):
        return {**self.context.environment, "FROM_FILE": "1"}


def from_environment(environment):
    for name in ("ALPHA_KEY", "ALPHA_SECOND"):
        if name in environment:
            yield Credential(id=f"alpha/{name}", provider="alpha", label=name, key=f"env:{name}")


@frozen
class LuckyOptions:
    window: Duration = field(default=1.0, validator=validators.gt(0.0))


def refused_environment(environment):
    if "REFUSED_KEY" in environment:
        yield Credential(id="refused", provider="refused", label="REFUSED_KEY")


def one(name, build, options=NoOptions, **more):
    return Registration(name=name, summary=name, options=options, build=build, **more)


def refuse(options, context):
    raise ValueError("no such thing as planted sk-planted0123456789")


def be_particular(options, context):
    raise ConfigError([Problem("must be odd", "models[0].id"), Problem("is missing", "providers.base_url")])


def house():
    """The module of all fake plugins."""
    module = ModuleType("fake_house")
    module.TAXIWAY_API = (1, 0)
    requires = ("dialect-chat",)
    hooks = {
        "taxiway_providers": [
            one("alpha", Alpha, AlphaOptions, requires=requires, environment=from_environment),
            one("author-alpha", Alpha, AlphaOptions, requires=requires, environment=from_environment),
            one("spare", Spare, last_resort=True),
            one("refused", refuse, environment=refused_environment),
            one("particular", be_particular),
            one("needy", Alpha, AlphaOptions, requires=("dialect-other",)),
            one("selfish", Alpha, AlphaOptions, requires=("provider-selfish",)),
            one("confused", refuse, environment=lambda environment: 1 / 0 if "REFUSED_KEY" in environment else ()),
        ],
        "taxiway_dialects": [
            one("chat", lambda o, c: Dialect("chat", "chat")),
            one("embeddings", lambda o, c: Dialect("embeddings", "embeddings")),
        ],
        "taxiway_strategies": [one("balanced", Part, LuckyOptions), one("lucky", Part, LuckyOptions)],
        "taxiway_key_stores": [one("env", Vault)],
        "taxiway_telemetry_sinks": [one("lines", Part)],
        "taxiway_stores": [one("sqlite", Part, frozen(type("O", (), {"__annotations__": {"url": str}})))],
        "taxiway_transports": [
            one("httptools", Part),
            one("httpx", Part, frozen(type("P", (), {"__annotations__": {"proxy": str}, "proxy": ""}))),
        ],
    }
    for name, registrations in hooks.items():

        def hook(registrations=registrations):
            return registrations

        hook.__name__ = name
        setattr(module, name, hookimpl(hook))
    return module


NAMES = (
    "provider-alpha provider-author-alpha provider-spare provider-refused provider-confused provider-particular provider-needy provider-selfish dialect-chat dialect-embeddings strategy-balanced "
    "strategy-lucky keystore-env sink-lines store-sqlite transport-httptools transport-httpx"
).split()


@pytest.fixture
def plugins(monkeypatch):
    def installed(*, without=(), broken=(), disabled=()):
        monkeypatch.setitem(sys.modules, "fake_house", house())
        points = [EntryPoint(name, "fake_house", "taxiway") for name in NAMES if name not in without]
        return Plugins([*points, *(EntryPoint(name, "no_such_module", "taxiway") for name in broken)], disabled)

    return installed


async def assemble(config, plugins, environment):
    return await resolve(compose(config, plugins, environment=environment))


def problems(raw, plugins, **more):
    with pytest.raises(ConfigError) as raised:
        compose(read(raw), plugins, environment={}, **more)
    return {problem.path: problem.message for problem in raised.value.problems}


def first(raw=None):
    return {"provider": "alpha", "key": "env:ALPHA_KEY", **(raw or {})}


def models(parts, workspace="default"):
    return {
        model: [
            (offer.endpoint.provider, offer.section, [c.account.label for c in offer.candidates]) for offer in offers
        ]
        for model, offers in parts.snapshot.offers[workspace].items()
    }


async def test_a_whole_configuration_becomes_parts(plugins):
    config = parse(
        {
            "store": {"url": "sqlite:///x"},
            "telemetry": [{"use": "lines"}, {"use": "lines"}],
            "routing": {"strategy": ["lucky", "balanced"]},
            "strategies": {"lucky": {"window": "3s"}},
            "credentials": [first()],
        }
    )
    parts = await assemble(config, plugins(), environment={})
    built = parts.built
    assert [name for name, _ in built.strategies] == ["lucky", "balanced"]
    assert built.strategies[0][1].options == LuckyOptions(3.0)
    assert set(built.sinks) == {"lines", "telemetry[1]"}
    assert set(built.dialects) == {"chat", "embeddings"}
    assert built.providers["alpha"].context.dialects == {"chat": built.dialects["chat"]}
    assert built.providers["alpha"].context.environment == {"FROM_FILE": "1"}
    assert set(built.transports) == {"http", "https"}
    assert models(parts) == {
        "author/one": [("alpha", "prioritised", ["ALPHA_KEY"])],
        "author/two": [("alpha", "prioritised", ["ALPHA_KEY"])],
    }
    assert set(parts.snapshot.ids["default"]) == {"alpha/one", "alpha/two"}
    assert parts.snapshot.hash
    assert not parts.warnings


def test_nothing_but_what_is_named_is_imported(plugins):
    others = ["provider-other", "strategy-other", "keystore-other", "sink-other"]
    installed = plugins(broken=others)
    compose(parse({"credentials": [first()]}), installed, environment={})
    assert not any(map(installed.tried, others))
    assert installed.used == {
        "provider-alpha",
        "strategy-balanced",
        "keystore-env",
        "transport-httptools",
        "dialect-chat",
        "dialect-embeddings",
    }


def test_all_mistakes_come_at_once(plugins):
    found = problems(
        {
            "gateway": {"listen": 3},
            "alfa": {},
            "plugins": {"disabled": ["strategy-lucki"]},
            "routing": {"strategy": ["balancd", "lucky"], "only": ["local/eu", "spare"], "ignore": ["alpah"]},
            "strategies": {"lucky": {"windw": 1}, "balanced": {"window": -1}, "other": {}},
            "credentials": [
                first({"provider": "alhpa"}),
                first({"key": "evn:X", "label": "a"}),
                first({"settings": {"regin": "x"}}),
            ],
            "providers": [
                {"use": "alpha", "slug": "local", "window": "x", "modles": []},
                {"use": "refused"},
                {"use": "refsed"},
                {"use": "broken"},
                {"use": "alpha", "slug": "local"},
                {"use": "spare", "slug": "mine"},
            ],
            "store": {"url": "postgres://x"},
            "catalog": {"use": "none"},
            "transport": {"use": "httpy"},
            "telemetry": [{"use": "line"}],
            "keystores": {"vault": {}},
        },
        plugins(broken=["provider-broken"]),
    )
    assert {path: message.partition(";")[0] for path, message in found.items()} == {
        "gateway.listen": "must be text, not a whole number",
        "alfa": "is not a known table",
        "plugins.disabled[0]": 'no plugin is called "strategy-lucki"',
        "routing.strategy[0]": 'no strategy is called "balancd"',
        "routing.ignore[0]": 'no provider is called "alpah"',
        "strategies.lucky.windw": "is not a known key",
        "strategies.balanced.window": "must be > 0.0: -1.0",
        "strategies.other": 'no strategy is called "other"',
        "credentials[0].provider": 'no provider is called "alhpa"',
        "credentials[1].key": "no such key store is installed",
        "credentials[2].settings.regin": "is not a known key",
        "providers[0].window": 'must be a duration such as "250ms", "2s", "5m" or "1h"',
        "providers[0].modles": "is not a known key",
        "providers[1]": "can't be built: ValueError: no such thing as planted [secret]",
        "providers[2].use": 'no provider is called "refsed"',
        "providers[3].use": "plugin provider-broken (from an unknown distribution): needs the module 'no_such_module', which is not installed",
        "providers[4]": "providers[0] has the same name",
        "providers[5].slug": 'its slug is always "spare"',
        "store.url": 'no store is called "postgres"',
        "catalog.use": 'no catalog is called "none"',
        "transport.use": 'no transport is called "httpy"',
        "telemetry[0].use": 'no telemetry sink is called "line"',
        "keystores.vault": 'no key store is called "vault"',
    }
    assert found["credentials[0].provider"].endswith('did you mean "alpha"?')
    assert found["credentials[1].key"].endswith('did you mean "env"?')
    assert found["alfa"].endswith('did you mean "alpha"?')


def test_a_wrong_key_hides_no_misspelt_name_in_the_same_table(plugins):
    routing = {"strateg": "lucky", "strategy": "luckie", "only": ["aplha"]}
    credential = first({"provider": "alhpa", "lable": "x", "settings": {"regin": "x"}})
    found = problems({"routing": routing, "credentials": [credential], "telemetry": [{"use": "line"}]}, plugins())
    assert set(found) == {
        "routing.strateg",
        "routing.strategy",
        "routing.only[0]",
        "credentials[0].lable",
        "credentials[0].provider",
        "telemetry[0].use",
    }


def test_a_broken_plugin_that_nothing_names_is_only_listed(plugins):
    installed = plugins(broken=["provider-broken"])
    built = compose(Config(), installed, environment={"ALPHA_KEY": "x"})
    assert built.found == ["alpha"]
    assert any("provider-broken" in warning for warning in built.warnings)
    assert installed.tried("provider-broken")
    assert "provider-broken" not in installed.used


def test_a_provider_that_fails_on_the_environment_stops_nothing(plugins):
    built = compose(Config(), plugins(), environment={"REFUSED_KEY": "x", "ALPHA_KEY": "x"})
    assert built.found == ["alpha"]
    assert len(built.warnings) == 2
    assert "can't read the environment" in built.warnings[0]
    assert "can't be built" in built.warnings[1]


def test_a_disabled_plugin_that_is_named_says_so(plugins):
    found = problems({"credentials": [first()]}, plugins(disabled=["provider-alpha"]))
    assert "is disabled" in found["credentials[0].provider"]


def test_what_a_build_says_of_its_options_has_their_place(plugins):
    assert problems({"providers": [{"use": "spare"}, {"use": "particular"}]}, plugins()) == {
        "providers[1].models[0].id": "must be odd",
        "providers[1].base_url": "is missing",
    }


@pytest.mark.parametrize("slug", ["", "Bad Slug", "a/b", "-a", 3])
def test_a_slug_is_what_clients_can_name(plugins, slug):
    found = problems({"providers": [{"use": "alpha", "slug": slug}]}, plugins())
    assert "lower-case" in found["providers[0].slug"]


def test_what_a_plugin_requires_must_be_there(plugins):
    found = problems({"providers": [{"use": "needy"}]}, plugins())
    assert 'no dialect plugin is called "other"' in found["providers[0].use"]
    found = problems({"providers": [{"use": "selfish"}]}, plugins())
    assert "provider-selfish -> provider-selfish" in found["providers[0].use"]
    found = problems({"providers": [{"use": "spare"}]}, plugins(without=["dialect-chat"]))
    assert "dialect-chat" in found[""]


def test_other_dialects_are_the_gateways_and_may_fail(plugins, tmp_path):
    config = parse({"credentials": [first()], "data_dir": str(tmp_path)})
    built = compose(config, plugins(broken=["dialect-broken"]), environment={}, gateway=True)
    assert set(built.dialects) == {"chat", "embeddings"}
    assert any("dialect-broken" in warning for warning in built.warnings)


def test_a_file_is_prepared_with_what_is_installed_and_all_is_wrong_at_once():
    with pytest.raises(ConfigError) as raised:
        compose(read({"gateway": {"listen": 3}, "routing": {"strategy": "nearst"}}, "taxiway.toml"), environment={})
    assert {problem.path for problem in raised.value.problems} >= {"gateway.listen", "routing.strategy"}
    assert str(raised.value).startswith("taxiway.toml: gateway.listen: must be text")


def test_a_table_that_names_no_plugin_is_a_mistake(plugins):
    tables = {
        "providers": [{}, {"slug": 3, "use": "alpha"}, {"use": []}, {"slug": "", "use": "alpha"}, {}],
        "telemetry": [{"use": 3}],
        "store": {"url": "somewhere"},
        "catalog": {"us": "x"},
        "routing": {"strategy": [""]},
    }
    assert problems(tables, plugins()) == {
        "providers[0].use": "is missing: it names the plugin",
        "providers[1].slug": "must be lower-case letters and digits, with hyphens, dots or underscores in between",
        "providers[2].use": "must be a plugin's name",
        "providers[3].slug": "must be lower-case letters and digits, with hyphens, dots or underscores in between",
        "providers[4].use": "is missing: it names the plugin",
        "telemetry[0].use": "must be a plugin's name",
        "store.url": 'must be a URL, such as "sqlite:///~/.taxiway/taxiway.db"',
        "catalog.use": "is missing: it names the plugin",
        "routing.strategy": 'no strategy is called ""; there is balanced, lucky',
    }


async def test_keys_that_cant_be_resolved_come_at_once(plugins):
    tables = [first({"key": "env:NOPE", "label": "main"}), first(), {"provider": "alpha", "label": "keyless"}]
    with pytest.raises(ConfigError) as raised:
        await assemble(parse({"credentials": tables}), plugins(), environment={})
    assert {problem.path: problem.message for problem in raised.value.problems} == {
        "credentials[0].key": "main: env:NOPE: is not set",
        "credentials[2].key": "keyless: needs a key",
    }


def test_a_key_store_that_fails_or_hangs_is_a_reason_like_any_other(plugins):
    tables = [first({"key": "env:BROKEN"}), first({"key": "env:SLOW"})]
    with pytest.raises(ConfigError) as raised:
        virtual.run(assemble(parse({"credentials": tables}), plugins(), environment={}))
    assert {problem.path: problem.message for problem in raised.value.problems} == {
        "credentials[0].key": "BROKEN: env:BROKEN: OSError: no route to planted [secret]",
        "credentials[1].key": "SLOW: env:SLOW: no answer within 20 s",
    }


async def test_without_a_file_the_keys_of_the_environment_are_used(plugins):
    parts = await assemble(Config(), plugins(), environment={"ALPHA_KEY": "x", "ALPHA_SECOND": "y"})
    assert parts.built.found == ["alpha"]
    assert not parts.built.last_resort
    assert models(parts)["author/one"] == [("alpha", "prioritised", ["ALPHA_KEY", "ALPHA_SECOND"])]


async def test_without_any_key_the_last_resort_serves(plugins):
    parts = await assemble(Config(), plugins(), environment={})
    assert parts.built.last_resort
    assert not parts.built.found
    assert list(models(parts)) == ["spare/echo"]
    assert parts.built.transports["spare"].schemes == {"spare"}


async def test_with_nothing_at_all_that_is_said(plugins):
    parts = await assemble(Config(), plugins(without=["provider-spare"]), environment={})
    assert parts.snapshot.offers == {}
    assert any("no provider can be used" in warning for warning in parts.warnings)


async def test_a_providers_table_without_a_credential_gets_a_keyless_one(plugins):
    parts = await assemble(parse({"providers": [{"use": "spare"}]}), plugins(), environment={})
    assert models(parts) == {"spare/echo": [("spare", "prioritised", ["spare"])]}


async def test_a_table_called_like_a_provider_gives_it_options(plugins):
    parts = await assemble(parse({"alpha": {"models": ["a/b"]}, "credentials": [first()]}), plugins(), environment={})
    assert list(models(parts)) == ["a/b"]


async def test_a_provider_goes_by_its_slug_its_name_and_its_table(plugins):
    tables = [
        first(),
        first({"provider": "author-alpha", "label": "by name"}),
        first({"provider": "local", "label": "by table"}),
    ]
    providers = [{"use": "alpha", "slug": "local", "models": ["author/one"]}]
    parts = await assemble(parse({"credentials": tables, "providers": providers}), plugins(), environment={})
    assert set(parts.built.providers) == {"alpha", "local"}
    assert models(parts)["author/one"] == [
        ("local", "prioritised", ["by table"]),
        ("alpha", "prioritised", ["ALPHA_KEY", "by name"]),
    ]


async def test_sections_and_order_of_offers(plugins):
    tables = [
        first({"label": "last", "fallback": True}),
        first({"label": "second", "sort_order": 2}),
        first({"label": "pool", "pool": True}),
        first({"label": "first", "sort_order": 1, "allowed_models": ["author/one"]}),
        first({"label": "elsewhere", "settings": {"region": "none"}}),
        first({"label": "by id", "sort_order": 3, "allowed_models": ["alpha/two"]}),
    ]
    parts = await assemble(parse({"credentials": tables}), plugins(), environment={})
    assert models(parts) == {
        "author/one": [
            ("alpha", "prioritised", ["first", "second"]),
            ("alpha", "pool", ["pool"]),
            ("alpha", "fallback", ["last"]),
        ],
        "author/two": [
            ("alpha", "prioritised", ["second", "by id"]),
            ("alpha", "pool", ["pool"]),
            ("alpha", "fallback", ["last"]),
        ],
    }


async def test_models_tables_know_better(plugins):
    tables = {
        "author/one": {
            "price": {"input": 1.0, "output": 2.0},
            "context": 1000,
            "max_output": 10,
            "parameters": ["tools"],
        },
        "alpha/two": {"context": 2000},
        "author/tow": {"context": 1},
        "team/fast": {"try": ["author/one", "author/tow"]},
    }
    parts = await assemble(parse({"credentials": [first()], "models": tables}), plugins(), environment={})
    offers = parts.snapshot.offers["default"]
    one, two = (offers[model][0].endpoint for model in ("author/one", "author/two"))
    assert one.price == Price(input=1e-6, output=2e-6)
    assert (one.context, one.max_output, one.parameters) == (1000, 10, {"tools"})
    assert one.unsupported == {"stop", "response_format", "structured_outputs", "verbosity"}
    assert two.context == 2000
    assert parts.snapshot.names["team/fast"].try_ == ("author/one", "author/tow")
    near = 'no provider of this configuration serves "author/tow"; did you mean "author/two"?'
    assert parts.warnings == [f'models."author/tow": {near}', f'models."team/fast".try[1]: {near}']


async def test_a_models_table_pairs_a_providers_id_with_a_slug_and_knows_that_one_best(plugins):
    tables = {
        "alpha/two": {"slug": "other/model", "context": 2000},
        "other/model": {"context": 1000, "max_output": 10},
        "team/fast": {"try": ["other/model"]},
    }
    parts = await assemble(parse({"credentials": [first()], "models": tables}), plugins(), environment={})
    offers = parts.snapshot.offers["default"]
    assert sorted(offers) == ["author/one", "other/model"]
    (offer,) = offers["other/model"]
    assert (offer.endpoint.id, offer.endpoint.context, offer.endpoint.max_output) == ("two", 2000, 10)
    assert parts.snapshot.ids["default"]["alpha/two"] == (offer,)
    assert not parts.warnings


async def test_a_provider_is_asked_who_serves_an_endpoint_as_it_made_it(plugins, monkeypatch):
    asked = []
    monkeypatch.setattr(Alpha, "serves", lambda _, endpoint, __: asked.append(endpoint.model) or True)
    tables = {"alpha/two": {"slug": "other/model"}}
    await assemble(parse({"credentials": [first()], "models": tables}), plugins(), environment={})
    assert set(asked) == {"author/one", "author/two"}


async def test_the_snapshots_name_changes_with_what_is_in_it(plugins):
    async def name(**more):
        return (await assemble(parse({"credentials": [first()], **more}), plugins(), environment={})).snapshot.hash

    plain = await name()
    assert await name() == plain
    assert await name(routing={"wait": "1s"}) != plain
    assert await name(models={"author/one": {"price": {"input": 1}}}) != plain
    # What filters read is part of it too.
    others = [{"zdr": True}, {"quantization": "fp8"}, {"parameters": ["seed"]}, {"data_collection": "deny"}]
    names = {await name(models={"author/one": known}) for known in others}
    names.add(await name(credentials=[{**first(), "zdr": True}]))
    assert len(names | {plain}) == 6


async def test_a_refresh_reads_the_keys_again(plugins, monkeypatch, caplog):
    parts = await assemble(parse({"credentials": [first()]}), plugins(), environment={})
    before = parts.snapshot
    monkeypatch.setitem(Vault.values, "ALPHA_KEY", "rotated")
    after = await parts.refresh()
    assert after is parts.snapshot
    (offer,) = after.offers["default"]["author/one"]
    assert offer.candidates[0].account.secret == Secret("rotated")
    assert before.offers["default"]["author/one"][0].candidates[0].account.secret == Secret("one")
    monkeypatch.delitem(Vault.values, "ALPHA_KEY")
    (kept,) = (await parts.refresh()).offers["default"]["author/one"]
    assert kept.candidates[0].account.secret == Secret("rotated")
    assert "its last value is used" in caplog.text
    assert "rotated" not in caplog.text
    assert await parts.secret("env:ALPHA_SECOND") == Secret("two")
    with pytest.raises(KeyStoreError):
        await parts.secret("nowhere:X")


async def test_parts_start_and_close_once_also_after_half_a_start(plugins, monkeypatch, caplog):
    config = parse({"telemetry": [{"use": "lines"}], "store": {"url": "sqlite:///x"}, "credentials": [first()]})
    parts = await assemble(config, plugins(), environment={})
    store, sink, transport = parts.built.store, parts.built.sinks["lines"], parts.built.transports["https"]
    await parts.start()
    await parts.start()
    await parts.aclose()
    assert store.log == sink.log == transport.log == ["start", "close"]

    parts = await resolve(compose(config, plugins(), environment={}))
    store, sink, transport = parts.built.store, parts.built.sinks["lines"], parts.built.transports["https"]
    store.fails, transport.fails = "start", "close"
    with pytest.raises(OSError, match="can't start"):
        await parts.start()
    await parts.aclose()
    assert (transport.log, store.log, sink.log) == (["start", "close"], ["start", "close"], ["close"])
    assert "can't close" in caplog.text


@pytest.mark.parametrize("environment", [{}, {"HTTPS_PROXY": "http://proxy"}, {"http_proxy": "http://proxy"}])
def test_behind_a_proxy_the_other_transport_carries(plugins, environment):
    installed = plugins()
    compose(parse({"credentials": [first()]}), installed, environment=environment)
    used = {plugin for plugin in installed.used if plugin.startswith("transport-")}
    assert used == {"transport-httpx" if environment else "transport-httptools"}


def test_a_folder_in_the_home_of_nobody_is_a_mistake(plugins):
    with pytest.raises(ConfigError, match=r"^data_dir: .*home directory"):
        compose(parse({"credentials": [first()]}), plugins(), environment={}, data_dir=Path("~nobody-of-this-name/x"))


def test_the_gateway_has_a_store_and_a_folder(plugins, tmp_path):
    library = compose(parse({"credentials": [first()]}), plugins(), environment={})
    assert (library.store, library.context.data_dir) == (None, None)
    named = compose(parse({"credentials": [first()], "store": {}}), plugins(), environment={})
    assert named.store.options.url == "sqlite://"
    config = parse({"credentials": [first()], "data_dir": str(tmp_path)})
    gateway = compose(config, plugins(), environment={}, gateway=True)
    assert gateway.context.data_dir == tmp_path
    assert (gateway.store.options.url, gateway.store.context.data_dir) == ("sqlite://", tmp_path)
    assert isinstance(gateway.context, Context)
    assert not list(tmp_path.iterdir())


def test_without_the_default_strategy_endpoints_go_by_price(plugins):
    built = compose(parse({"credentials": [first()]}), plugins(without=["strategy-balanced"]), environment={})
    assert built.strategies == []
    assert any("by price" in warning for warning in built.warnings)
