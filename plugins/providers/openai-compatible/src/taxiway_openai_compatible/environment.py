"""Which credentials the environment offers to a provider: references, never values."""

from collections.abc import Callable, Iterable, Mapping

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
