"""A gateway without any provider key, as a newcomer has it: the simulator serves."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
KEY = "an-api-key-for-the-examples-0123456789"
_FOUND_BY = ("_API_KEY", "_BASE_URL", "_PROXY", "_proxy")


def environment(**more):
    """The variables without any that would find a provider, a gateway or a proxy."""
    kept = {name: value for name, value in os.environ.items() if not name.endswith(_FOUND_BY)}
    return {name: value for name, value in kept.items() if not name.startswith("TAXIWAY_")} | more


@pytest.fixture(scope="session")
def gateway(tmp_path_factory):
    """Its base URL."""
    folder = tmp_path_factory.mktemp("gateway")
    command = [sys.executable, "-m", "taxiway_cli.main", "serve", "--port", "0", "--data-dir", str(folder)]
    process = subprocess.Popen(
        command,
        cwd=folder,
        env=environment(TAXIWAY_API_KEY=KEY),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdout is not None
        line = next((line for line in process.stdout if line.startswith("Base URL")), None)
        if line is None:
            pytest.fail(process.communicate()[1])
        yield line.split()[2]
    finally:
        process.terminate()
        process.communicate(timeout=20)


@pytest.fixture
def run(gateway, tmp_path):
    """Run a command in an empty folder, with the gateway's address and key in the environment."""

    def run(*command, **more):
        variables = environment(TAXIWAY_API_KEY=KEY, TAXIWAY_BASE_URL=gateway, **more)
        done = subprocess.run(command, cwd=tmp_path, env=variables, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr + done.stdout
        return done.stdout

    return run


@pytest.fixture
def python(run):
    return lambda *args: run(sys.executable, *map(str, args))


@pytest.fixture
def taxiway(python):
    return lambda *args: python("-m", "taxiway_cli.main", *args)
