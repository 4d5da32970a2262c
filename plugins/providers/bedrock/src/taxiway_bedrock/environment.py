"""Which credential the environment offers: a reference or settings, never values.

Sources: docs.aws.amazon.com/sdkref, "Environment variables"; docs.aws.amazon.com/bedrock/latest/userguide/api-keys-use.html.
"""

from collections.abc import Iterable, Mapping

from taxiway.candidate import Credential
from taxiway_bedrock.offers import SLUG

_KEY = "AWS_BEARER_TOKEN_BEDROCK"
_ACCESS = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY")
_PROFILE = "AWS_PROFILE"
_REGIONS = ("AWS_REGION", "AWS_DEFAULT_REGION")


def credentials(environment: Mapping[str, str]) -> Iterable[Credential]:
    """Give one for an API key, else for access keys, else for a profile; each needs a region beside it.

    Access keys are two variables, and no reference names two: AWS's own chain of credentials finds them first of all.
    """
    region = next((environment[name] for name in _REGIONS if environment.get(name)), None)
    if region is None:
        return
    if environment.get(_KEY):
        yield _credential(_KEY, {"region": region}, f"env:{_KEY}")
    elif all(environment.get(name) for name in _ACCESS):
        yield _credential(_ACCESS[0], {"region": region})
    elif environment.get(_PROFILE):
        yield _credential(_PROFILE, {"region": region, "profile": environment[_PROFILE]})


def _credential(name: str, settings: Mapping[str, str], key: str | None = None) -> Credential:
    return Credential(id=f"{SLUG}/{name}", provider=SLUG, label=name, key=key, settings=settings)
