"""Keys of credentials that have none of their own: profiles, roles, and wherever else AWS's own tools look.

Only here is botocore used: it reads files, the environment, metadata services and STS, each in its own way. It blocks, so it runs in
a thread. Source: docs.aws.amazon.com/sdkref, "Standardized credential providers".
"""

from typing import Any, Final

from taxiway.outcome import Failure, Kind, RefreshFailed
from taxiway.secret import scrub
from taxiway_bedrock.credentials import BedrockSettings
from taxiway_bedrock.sigv4 import Keys

# botocore itself renews keys that are good for less than that: what it gives is good for as long.
_GOOD_FOR: Final = 600.0


def derive(settings: BedrockSettings, region: str, now: float) -> tuple[Keys, float | None]:
    """Return keys and when they expire (seconds since the epoch; None: never). Raises RefreshFailed."""
    from botocore.exceptions import BotoCoreError, ClientError, HTTPClientError  # type: ignore[import-untyped]
    from botocore.exceptions import ConnectionError as Unreachable
    from botocore.session import Session  # type: ignore[import-untyped]

    try:
        session = Session(profile=settings.profile)
        if settings.role_arn is not None:
            return _assumed(session, settings, region)
        credentials = session.get_credentials()
        if credentials is None:
            raise _failed("credential_invalid", "AWS's own tools find no credentials here")
        frozen = credentials.get_frozen_credentials()
    except (HTTPClientError, Unreachable) as error:
        raise _failed("unavailable", f"no credentials could be had: {error}") from None
    except (BotoCoreError, ClientError) as error:
        raise _failed("credential_invalid", f"no credentials could be had: {error}") from None
    expires = now + _GOOD_FOR if hasattr(credentials, "refresh_needed") else None
    return Keys(frozen.access_key, frozen.secret_key, frozen.token), expires


def _assumed(session: Any, settings: BedrockSettings, region: str) -> tuple[Keys, float]:
    """Assume a role by what the session has."""
    asked = {"RoleArn": settings.role_arn, "RoleSessionName": "taxiway"}
    if settings.external_id is not None:
        asked["ExternalId"] = settings.external_id
    given = session.create_client("sts", region_name=region).assume_role(**asked)["Credentials"]
    keys = Keys(given["AccessKeyId"], given["SecretAccessKey"], given["SessionToken"])
    return keys, given["Expiration"].timestamp()


def _failed(kind: Kind, message: str) -> RefreshFailed:
    return RefreshFailed(Failure(kind=kind, message=scrub(message), scope="account"))
