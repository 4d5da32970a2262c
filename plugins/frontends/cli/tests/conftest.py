import re

import pytest

from taxiway_cli.init import TEMPLATE


@pytest.fixture
def uncommented():
    """The template with everything that it comments out."""
    return re.sub(r"(?m)^#(?=[\w\[])", "", TEMPLATE)
