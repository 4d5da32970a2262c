"""Which credential the environment offers: a reference to a file or settings, never values.

Source: docs.cloud.google.com/docs/authentication/application-default-credentials.
"""

from collections.abc import Iterable, Mapping
from typing import Final

from taxiway.candidate import Credential
from taxiway_vertex.offers import SLUG

_FILE: Final = "GOOGLE_APPLICATION_CREDENTIALS"
_PROJECTS: Final = ("GOOGLE_CLOUD_PROJECT", "GOOGLE_VERTEX_PROJECT")
_LOCATION: Final = "GOOGLE_VERTEX_LOCATION"


def credentials(environment: Mapping[str, str]) -> Iterable[Credential]:
    """Give one without a key where a file of credentials and a project are named: Google's own chain looks into the file first.

    It may be of any kind: a service account's, a user's, a federated identity's.
    """
    project = next((environment[name] for name in _PROJECTS if environment.get(name)), None)
    if project is None or not environment.get(_FILE):
        return
    settings = {"project": project}
    if environment.get(_LOCATION):
        settings["region"] = environment[_LOCATION]
    yield Credential(id=f"{SLUG}/{_FILE}", provider=SLUG, label=_FILE, settings=settings)
