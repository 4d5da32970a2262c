"""The contract of transforms, as tests: subclass it in a plugin's tests.

class TestShorter(TransformContract):
    module = my_transforms
    registration = next(iter(my_transforms.taxiway_transforms()))
    bodies = ({"model": "acme/model-1", "messages": [...]},)
"""

import copy
from collections.abc import Iterator, Mapping, Sequence
from types import ModuleType
from typing import Any

import pytest

from taxiway.call import Call
from taxiway.candidate import Endpoint
from taxiway.chat import CHAT
from taxiway.chat_facts import facts
from taxiway.codec import Json, dumps, loads
from taxiway.converter import structure
from taxiway.errors import ConfigError, InvalidRequest, Unsupported
from taxiway.hookspecs import API
from taxiway.registration import AnyRegistration
from taxiway.testing.dialect import context, make_call, make_endpoint
from taxiway.transform import Transform

MODALITIES = frozenset({"text", "image", "file", "audio", "video"})


class TransformContract:
    """What every transform holds to. `bodies` are canonical chat bodies; each must be changed for an endpoint of texts only."""

    module: ModuleType
    registration: AnyRegistration
    options: Mapping[str, Any] = {}
    bodies: Sequence[Json] = ()

    @pytest.fixture
    def transform(self) -> Transform:
        """The built transform."""
        built: Transform = self.registration.build(structure(self.options, self.registration.options), context())
        return built

    def test_the_module_says_which_api_it_was_built_for(self) -> None:
        assert self.module.TAXIWAY_API[0] == API[0]
        assert self.module.TAXIWAY_API[1] <= API[1]

    def test_a_misspelt_option_is_refused(self) -> None:
        with pytest.raises(ConfigError):
            structure({**self.options, "no_such_option": 1}, self.registration.options)

    def test_what_it_needs_fetched_are_modalities(self, transform: Transform) -> None:
        assert transform.fetches <= MODALITIES

    def test_it_leaves_alone_what_has_nothing_for_it(self, transform: Transform) -> None:
        plain = {"model": "acme/model-1", "messages": [{"role": "user", "content": "Hello"}]}
        for _, endpoint in self._pairs():
            assert not transform.applies(make_call(CHAT, plain), endpoint)

    def test_asking_whether_it_applies_changes_nothing(self, transform: Transform) -> None:
        for call, endpoint in self._pairs():
            before = copy.deepcopy(call.body)
            assert transform.applies(call, endpoint) == transform.applies(call, endpoint)
            assert call.body == before

    async def test_a_changed_body_is_one_that_chat_takes_and_the_given_one_stays(self, transform: Transform) -> None:
        for body in self.bodies:
            call = make_call(CHAT, body)
            endpoint = make_endpoint("chat", "chat")
            assert transform.applies(call, endpoint)
            given = copy.deepcopy(call.body)
            made = await transform.request(call, endpoint, given)
            assert given == call.body
            assert made != given
            assert loads(dumps(made)) == made
            assert facts({"model": "acme/model-1", **made}, {}, {}).models

    async def test_what_it_can_not_do_is_said_as_such(self, transform: Transform) -> None:
        for body in self.bodies:
            call = make_call(CHAT, body)
            broken = loads(dumps(call.body).replace(b"base64,", b"base64,!"))
            problem: Unsupported | InvalidRequest | None = None
            try:
                await transform.request(call, make_endpoint("chat", "chat"), broken)
            except (Unsupported, InvalidRequest) as error:
                problem = error
            assert problem is None or problem.field

    def _pairs(self) -> Iterator[tuple[Call, Endpoint]]:
        for body in self.bodies:
            for inputs in (frozenset({"text"}), MODALITIES):
                yield make_call(CHAT, body), make_endpoint("chat", "chat", inputs=inputs)
