"""pytest on a rig: `pytest tests/hil --rig NAME`.

rig       the rig (hil.rig.Rig), with its device off and at rest
judge     judge(name, found, nominal=, low=, high=): a row of the report's table, and a verdict
repeats   how often a measurement is to be made
needs     marker: needs("capture", "gauge_fault"), what a rig must have for the test; else it is skipped
"""

from __future__ import annotations

import time
from collections.abc import Generator, Iterator
from pathlib import Path

import pytest

from hil import inventory, outcomes, report, trends
from hil.bench import Bench, Files
from hil.errors import MisuseError, RigFault
from hil.judging import Judge, Threshold
from hil.record import RIG_FAULT, Case, Run
from hil.rig import CAPABILITIES
from hil.watched import Watched

_RUN = pytest.StashKey[Run]()
_CASE = pytest.StashKey[Case]()
_ROWS = pytest.StashKey[list[Threshold]]()
_WATCHED = pytest.StashKey[Watched]()
_BENCH = pytest.StashKey[Bench]()
_REPORT = Path("build/hil/hil-report.html")


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("rig", "tests on a rig")
    group.addoption(
        "--rig", default="virtual", metavar="NAME", help="a rig of the inventory (default: virtual)"
    )
    group.addoption(
        "--rigs", type=Path, metavar="FILE", help="the inventory (default: rigs.yaml, if there is one)"
    )
    group.addoption("--firmware", type=Path, metavar="DIR",
                    help="the files of the device's flash, as `fieldrec board image` writes them: a rig that can, "
                    "puts them on it (default: on a virtual board, those of this tree)")  # fmt: skip
    group.addoption(
        "--repeats", type=int, default=3, help="how often a threshold is searched for (default: 3)"
    )
    group.addoption("--allow-inconclusive", action="store_true", help="an inconclusive verdict fails no run")
    group.addoption("--rig-report", type=Path, metavar="FILE", help=f"the report (default: {_REPORT})")


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "needs(*capabilities): what a rig must have for this test (hil.rig)")
    config.stash[_RUN] = Run(config.getoption("--rig"))


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """A capability that does not exist would skip its test for ever."""
    for item in items:
        unknown = [name for name in _needed(item) if name not in CAPABILITIES]
        if unknown:
            known = ", ".join(CAPABILITIES)
            raise pytest.UsageError(f"{item.nodeid} needs {', '.join(unknown)}; there are {known}")


def _needed(item: pytest.Item) -> list[str]:
    return [name for marker in item.iter_markers("needs") for name in marker.args]


# -- fixtures


@pytest.fixture(scope="session")
def device_files(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Files | None:
    """{path on the device: file or bytes}; None: it has its firmware already."""
    folder = request.config.getoption("--firmware")
    if folder:
        return _image(folder)
    if request.getfixturevalue("rig_entry").backend != "virtual":
        return None
    from tools import firmware

    work = tmp_path_factory.mktemp("firmware")
    identity = firmware.Identity("dev-0001", "virtual", work / "keys", settings={"wifi_on": False})
    return firmware.first_flash(identity, work)


def _image(folder: Path) -> Files:
    files: Files = {p.relative_to(folder).as_posix(): p for p in sorted(folder.rglob("*")) if p.is_file()}
    if "boot.py" not in files:
        raise MisuseError(f"{folder} is no device's flash: it has no boot.py")
    return files


@pytest.fixture(scope="session")
def rig_entry(pytestconfig: pytest.Config) -> inventory.Entry:
    path = pytestconfig.getoption("--rigs")
    if path is None and (pytestconfig.rootpath / "rigs.yaml").exists():
        path = pytestconfig.rootpath / "rigs.yaml"
    return inventory.choose(inventory.load(path), pytestconfig.getoption("--rig"), path)


@pytest.fixture(scope="session")
def rig_bench(
    rig_entry: inventory.Entry, device_files: Files | None, pytestconfig: pytest.Config
) -> Iterator[Bench]:
    bench = Bench(pytestconfig.getoption("--rig"), rig_entry, device_files)
    pytestconfig.stash[_BENCH] = bench
    yield bench
    bench.close()


@pytest.fixture
def rig(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Watched]:
    """The device under test, at rest and off: cell at 3.9 V, 25 C, nothing pressed, no fault."""
    item = request.node
    item.stash[_CASE] = Case(item.nodeid, _title(item))
    item.stash[_ROWS] = []
    bench: Bench = request.getfixturevalue("rig_bench")
    bench.open()
    _describe(request.config.stash[_RUN], bench)
    lacking = [name for name in _needed(item) if name not in bench.capabilities]
    if lacking:
        words = "; ".join(f"{name}: {CAPABILITIES[name]}" for name in lacking)
        pytest.skip(f"rig {bench.name} ({bench.backend}) lacks {words}")
    watched = bench.prepare(tmp_path / "board")
    item.stash[_WATCHED] = watched
    yield watched
    bench.done(watched)


@pytest.fixture
def judge(rig: Watched, request: pytest.FixtureRequest) -> Judge:
    return Judge(request.node.stash[_ROWS])


@pytest.fixture(scope="session")
def repeats(pytestconfig: pytest.Config) -> int:
    return max(1, pytestconfig.getoption("--repeats"))


def _title(item: pytest.Item) -> str:
    doc = getattr(getattr(item, "function", None), "__doc__", None) or ""
    return doc.strip().split("\n")[0]


def _describe(run: Run, bench: Bench) -> None:
    run.backend, run.stamp, run.self_test = bench.backend, bench.stamp, bench.self_test
    run.capabilities = sorted(bench.capabilities)


# -- what becomes of a test


@pytest.hookimpl(wrapper=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> Generator[None, object, object]:
    """A test in which the rig lost an edge, or its link, does not pass, whatever it looked at."""
    result = yield
    watched = pyfuncitem.stash.get(_WATCHED, None)
    if watched:
        watched.finish()
        if watched.whole:
            watched.whole.check()
    return result


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    error = call.excinfo.value if call.excinfo else None
    case = item.stash.get(_CASE, None)
    if case and call.when == "call":
        _measured(item, case)
    made = yield
    if case is None and not isinstance(error, RigFault):
        return made
    outcome = outcomes.mark(made, error, item.config.getoption("--allow-inconclusive"))
    if case:
        _told(item, case, call, outcome, made)
    return made


def _measured(item: pytest.Item, case: Case) -> None:
    """The rows that the test judged, into the report and the JUnit file."""
    rows = item.stash[_ROWS]
    case.thresholds = [row.record() for row in rows]
    for row in case.thresholds:
        for key in ("nominal", "min", "median", "max", "uncertainty", "margin", "verdict"):
            if key in row:
                unit = "" if key == "verdict" else f" [{row['unit']}]"
                item.user_properties.append((f"{row['name']}: {key}{unit}", row[key]))


def _told(
    item: pytest.Item, case: Case, call: pytest.CallInfo, outcome: str, made: pytest.TestReport
) -> None:
    text = str(call.excinfo.value) if call.excinfo else ""
    case.worsen(outcome, text)
    case.seconds += call.duration
    bench = item.config.stash.get(_BENCH, None)
    if outcome == RIG_FAULT and bench:
        bench.close()  # the next test opens it anew, and it must check itself again
    watched = item.stash.get(_WATCHED, None)
    if call.when == "call" and watched:
        watched.finish()
        if made.failed:
            made.sections.append(("the end of it, as a timing diagram", watched.story()))
        case.picture, case.log, case.device_s = watched.picture(), watched.log(), watched.seconds
    if call.when == "teardown":
        item.config.stash[_RUN].cases.append(case)


def pytest_report_teststatus(report: pytest.TestReport) -> tuple[str, str, tuple[str, dict]] | None:
    return outcomes.status(report)


# -- what becomes of a run


def pytest_sessionstart(session: pytest.Session) -> None:
    session.config.stash[_RUN].seconds = -time.monotonic()


def pytest_sessionfinish(session: pytest.Session) -> None:
    run = session.config.stash[_RUN]
    run.seconds += time.monotonic()
    one_of_several = hasattr(session.config, "workerinput")  # pytest-xdist: a part of a run is no report
    if run.cases and not one_of_several:
        path = _path(session.config)
        path.parent.mkdir(parents=True, exist_ok=True)
        before = trends.add(path.with_name("hil-history.jsonl"), run)
        path.write_text(report.page(run, before))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    run = config.stash[_RUN]
    if not run.cases:
        return
    terminalreporter.section(f"rig {run.rig}")
    for row in run.thresholds:
        if "median" in row:
            value = f"{row['median']:>11.4f} {row['unit']:<3} +- {row['uncertainty']:<8.4f}"
            terminalreporter.line(f"{row['name']:<44} {value} {row['verdict']}")
    for case in run.cases:
        if case.outcome == outcomes.INCONCLUSIVE:
            terminalreporter.line(f"inconclusive: {case.name}: {case.text}", yellow=True)
    terminalreporter.line(f"report: {_path(config)}")


def _path(config: pytest.Config) -> Path:
    return config.getoption("--rig-report") or config.rootpath / _REPORT
