"""Keys of credentials without one: from the environment, a profile, a role; never over the network here."""

import datetime as dt
import json
from unittest import mock

import pytest
from botocore.exceptions import ClientError, EndpointConnectionError

from taxiway.candidate import Credential
from taxiway.outcome import RefreshFailed
from taxiway.testing.provider import NOW
from taxiway_bedrock.provider import BedrockProvider

PROVIDER = BedrockProvider()
PROFILES = """
[work]
aws_access_key_id = AKIAWORK
aws_secret_access_key = work-secret
aws_session_token = work-token
"""
ROLE = "arn:aws:iam::123456789012:role/taxiway"


@pytest.fixture(autouse=True)
def alone(tmp_path, monkeypatch):
    """None of this machine's own credentials, and no way to any service that has some."""
    for name in (
        "AWS_PROFILE",
        "AWS_ACCESS_KEY_ID",
        "AWS_SECRET_ACCESS_KEY",
        "AWS_SESSION_TOKEN",
        "AWS_WEB_IDENTITY_TOKEN_FILE",
    ):
        monkeypatch.delenv(name, raising=False)
    (tmp_path / "credentials").write_text(PROFILES)
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "credentials"))
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")


def account(**settings):
    table = {"region": "us-east-1", **settings}
    credential = Credential(id="c", provider="amazon-bedrock", label="c", settings=table)
    (made,) = PROVIDER.accounts(credential, None)
    return made


async def derived(**settings):
    made = await PROVIDER.refresh(account(**settings), NOW)
    return json.loads(made.secret.reveal()), made.expires


async def test_a_profiles_keys_are_found_and_never_expire():
    keys = {"accessKeyId": "AKIAWORK", "secretAccessKey": "work-secret", "sessionToken": "work-token"}
    assert await derived(profile="work") == (keys, None)


async def test_the_environments_keys_are_found_by_the_default_chain_and_sign(monkeypatch):
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIAENV")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "env-secret")
    assert await derived() == ({"accessKeyId": "AKIAENV", "secretAccessKey": "env-secret"}, None)
    made = account()
    secret = (await PROVIDER.refresh(made, NOW)).secret
    assert "env-secret" not in f"{secret!r}"
    request = PROVIDER.probe(made, secret, NOW)
    assert "Credential=AKIAENV/" in dict(request.headers)["authorization"]
    assert PROVIDER.probe(made, None, NOW) is None


async def test_keys_that_are_renewed_are_good_for_ten_minutes(monkeypatch):
    renewed = mock.Mock(spec=["get_frozen_credentials", "refresh_needed"])
    renewed.get_frozen_credentials.return_value = mock.Mock(access_key="AKIAROLE", secret_key="s", token="t")
    monkeypatch.setattr("botocore.session.Session.get_credentials", lambda self: renewed)
    assert await derived() == ({"accessKeyId": "AKIAROLE", "secretAccessKey": "s", "sessionToken": "t"}, NOW + 600)


async def test_a_role_is_assumed_and_expires_when_it_is_said(monkeypatch):
    sts = mock.Mock()
    expires = dt.datetime.fromtimestamp(NOW + 3600, dt.UTC)
    given = {"AccessKeyId": "AKIAROLE", "SecretAccessKey": "s", "SessionToken": "t", "Expiration": expires}
    sts.assume_role.return_value = {"Credentials": given}
    made = mock.Mock(return_value=sts)
    monkeypatch.setattr("botocore.session.Session.create_client", made)
    keys, until = await derived(profile="work", role_arn=ROLE, external_id="x")
    assert keys == {"accessKeyId": "AKIAROLE", "secretAccessKey": "s", "sessionToken": "t"}
    assert until == NOW + 3600
    made.assert_called_once_with("sts", region_name="us-east-1")
    sts.assume_role.assert_called_once_with(RoleArn=ROLE, RoleSessionName="taxiway", ExternalId="x")


@pytest.mark.parametrize(
    ("settings", "error", "kind"),
    [
        ({}, None, "credential_invalid"),
        ({"profile": "missing"}, None, "credential_invalid"),
        (
            {"role_arn": ROLE},
            ClientError({"Error": {"Code": "AccessDenied", "Message": "no"}}, "AssumeRole"),
            "credential_invalid",
        ),
        ({"role_arn": ROLE}, EndpointConnectionError(endpoint_url="https://sts"), "unavailable"),
    ],
)
async def test_what_can_not_be_had_says_why(monkeypatch, settings, error, kind):
    sts = mock.Mock()
    sts.assume_role.side_effect = error
    monkeypatch.setattr("botocore.session.Session.create_client", lambda *_, **__: sts)
    with pytest.raises(RefreshFailed) as raised:
        await derived(**settings)
    assert raised.value.failure.kind == kind
    assert raised.value.failure.scope == "account"


def test_botocore_is_imported_only_where_keys_are_derived():
    import subprocess
    import sys

    code = "import sys, taxiway_bedrock.provider; print([m for m in sys.modules if m.startswith('botocore')])"
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert shown.stdout.strip() == "[]"
