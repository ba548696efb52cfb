"""`python -m tests.properties FILE`: live the life of a trace again, on a board with this tree's firmware."""

import sys
import tempfile
from pathlib import Path

from tests.diagram.compare import tables
from tests.properties import report
from tests.properties.life import Life
from tests.properties.rules import violations
from tests.properties.run import live
from tools import firmware
from tools.virtual.trace import Trace


def main(path: Path) -> int:
    with tempfile.TemporaryDirectory() as folder:
        identity = firmware.Identity(
            "dev-0001", "virtual", Path(folder) / "keys", settings={"wifi_on": False}
        )
        files = firmware.first_flash(identity, Path(folder))
    trace, seen = live(Life.of(Trace.load(path)), files)
    broken = violations(seen, tables([]))
    print(report.text(trace, broken) if broken else "no rule is broken")
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
