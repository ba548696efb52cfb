"""Where the result of the random lives waits for the summary of the run."""

import pytest

from tests.properties.explore import Lived

LIVED = pytest.StashKey[tuple[Lived, float]]()
