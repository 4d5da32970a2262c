"""Which credentials the environment offers to a provider: references, never values."""

from collections.abc import Callable, Iterable, Mapping
from urllib.parse import urlsplit

from taxiway.candidate import Credential


def from_environment(
    slug: str, keys: Iterable[str], settings: Mapping[str, str] | None = None
) -> Callable[[Mapping[str, str]], Iterable[Credential]]:
    """Make a `Registration.environment`: one credential for the first of `keys` that is set.

    `settings`: by name, the variable that holds it. An address is never read from a variable: OPENAI_BASE_URL and the like
    may point at Taxiway itself.
    """

    def credentials(environment: Mapping[str, str]) -> Iterable[Credential]:
        for variable in keys:
            if environment.get(variable):
                found = {name: environment.get(source) for name, source in (settings or {}).items()}
                yield Credential(
                    id=f"{slug}/{variable}",
                    provider=slug,
                    label=variable,
                    key=f"env:{variable}",
                    settings={name: value for name, value in found.items() if value},
                )
                return

    return credentials


def from_address(slug: str, variable: str, usual: str) -> Callable[[Mapping[str, str]], Iterable[Credential]]:
    """Make a `Registration.environment` for a server of one's own: a credential without key where `variable` says its address.

    `usual`: the base URL from which what the variable leaves out is taken.
    """

    def credentials(environment: Mapping[str, str]) -> Iterable[Credential]:
        if given := environment.get(variable, "").strip():
            settings = {"base_url": address(given, usual)}
            yield Credential(id=f"{slug}/{variable}", provider=slug, label=variable, settings=settings)

    return credentials


def address(given: str, usual: str) -> str:
    """Complete an address as people write it: `:11434`, `0.0.0.0`, `gpu.example:11434`, `https://gpu.example/v1`.

    What is no address at all comes back as it is: whoever uses it says so.
    """
    parts, other = urlsplit(given if "://" in given else f"http://{given}"), urlsplit(usual)
    try:
        host, port = parts.hostname or other.hostname or "", parts.port
    except ValueError:
        return given
    # A server that listens everywhere says so by this; it is reached on this machine.
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104 - read, not bound
    if port is None and "://" not in given:
        port = other.port
    host = f"[{host}]" if ":" in host else host
    return f"{parts.scheme}://{host}{f':{port}' if port else ''}{parts.path.rstrip('/') or other.path}"
