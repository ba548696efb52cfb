"""What a run says: outcomes that are told apart, what was skipped and why, the report and the JUnit file."""

import json
import re
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import pytest

ENDS = """
    import pytest
    from hil.errors import DeviceFault, MisuseError, RigFault
    from hil.judging import Found

    def test_good(rig, judge):
        '''A press is seen.'''
        with rig.capture("PWR_SW1") as seen:
            rig.press("PWR_SW1", 100)
            rig.expect("LED_STATE", 1, 50)
            rig.wait(200)
        length = seen.pulse("PWR_SW1", 0)
        found = Found(length.value_us / 1000, length.uncertainty_us / 1000)
        judge("length of a press", [found, found], nominal=100, low=99, high=101, spec="here")

    def test_device(rig):
        rig.expect("LED_STATE", 1, 100)

    def test_assertion(rig):
        assert rig.lines == []

    def test_verdict(rig, judge):
        judge("too long", [Found(103, 0.5)], nominal=100, low=99, high=101)

    def test_unsure(rig, judge):
        judge("nobody knows", [Found(101, 0.5)], nominal=100, low=99, high=101)

    def test_rig(rig):
        raise RigFault("the link is lost")

    def test_misuse(rig):
        rig.press("PWR_SW9", 10)

    def test_wrong(rig):
        {}["nothing"]
"""


@pytest.fixture
def ended(on_rig):
    return on_rig(ENDS)


def cases(path: Path) -> dict[str, ElementTree.Element]:
    return {case.get("name", ""): case for case in ElementTree.parse(path).iter("testcase")}


def test_outcomes_are_told_apart(ended, pytester):
    assert ended.ret == 1
    ended.assert_outcomes(passed=1, failed=3, errors=3)
    ended.stdout.fnmatch_lines(["*1 inconclusive*"])
    text = ended.stdout.str()
    for word in ("RIG FAULT", "TEST ERROR", "INCONCLUSIVE", "the end of it, as a timing diagram"):
        assert word in text
    kinds = {
        name: [
            child.tag for child in case if child.tag != "properties" and not child.tag.startswith("system")
        ]
        for name, case in cases(pytester.path / "junit.xml").items()
    }
    assert kinds == {
        "test_good": [], "test_device": ["failure"], "test_assertion": ["failure"], "test_verdict": ["failure"],
        "test_unsure": ["failure"], "test_rig": ["error"], "test_misuse": ["error"], "test_wrong": ["error"],
    }  # fmt: skip


def test_measurements_are_properties(ended, pytester):
    (case,) = [case for name, case in cases(pytester.path / "junit.xml").items() if name == "test_good"]
    properties = {p.get("name"): p.get("value") for p in case.iter("property")}
    assert properties["length of a press: verdict"] == "PASS"
    assert float(properties["length of a press: median [ms]"]) == pytest.approx(100, abs=0.01)
    assert float(properties["length of a press: uncertainty [ms]"]) == pytest.approx(0.002)


def test_the_report_needs_nothing_beside_it(ended, pytester):
    page = (pytester.path / "report.html").read_text()
    assert not re.search(r'(?:src|href|@import|url\()\s*=?\s*["\']?(?!http://www.w3.org)\w', page)
    assert page.count('<details class="case"') == 8
    assert page.count('<svg xmlns="http://www.w3.org/2000/svg"') == 8  # a diagram each
    for outcome in ("1 passed", "3 device fault", "1 rig fault", "2 test error", "1 inconclusive"):
        assert outcome in page
    assert "length of a press" in page and "A press is seen." in page


def test_inconclusive_fails_no_run_where_it_is_allowed(on_rig):
    ended = on_rig(ENDS, "--allow-inconclusive", "-k", "unsure or good")
    assert ended.ret == 0
    ended.stdout.fnmatch_lines(["inconclusive:*nobody knows*", "*1 passed,*1 inconclusive*"])


def test_runs_before_are_shown(on_rig, pytester):
    for _ in range(3):
        on_rig(ENDS, "-k", "good")
    history = (pytester.path / "hil-history.jsonl").read_text().splitlines()
    assert [list(json.loads(line)["thresholds"]) for line in history] == [["length of a press"]] * 3
    page = (pytester.path / "report.html").read_text()
    assert "3 runs, 100 to 100" in page and "first run" not in page


NEEDS = """
    import pytest

    @pytest.mark.needs("keys", {name!r})
    def test_it(rig):
        pass
"""


def test_what_a_rig_lacks_skips_with_the_reason(on_rig):
    ended = on_rig(NEEDS.format(name="dead_man"), "-rs")
    ended.assert_outcomes(skipped=1)
    ended.stdout.fnmatch_lines(
        ["*rig virtual (virtual) lacks dead_man: let go of every line when the host is gone*"]
    )


def test_a_capability_that_does_not_exist_is_an_error(on_rig):
    ended = on_rig(NEEDS.format(name="wings"))
    assert ended.ret == pytest.ExitCode.USAGE_ERROR
    ended.stderr.fnmatch_lines(["*needs wings; there are keys,*"])


def test_a_rig_that_does_not_exist_names_those_that_do(on_rig):
    ended = on_rig(NEEDS.format(name="power"), "--rig", "bench9")
    ended.assert_outcomes(errors=1)
    ended.stdout.fnmatch_lines(["*no rig 'bench9' without a rigs.yaml; there are virtual*"])


def test_a_slip_in_the_inventory_names_its_line(on_rig, pytester):
    rigs = pytester.makefile(".yaml", rigs="rigs:\n  bench1:\n    backend: pico\n    prot: /dev/ttyACM0\n")
    ended = on_rig(NEEDS.format(name="power"), "--rig", "bench1", "--rigs", rigs)
    ended.stdout.fnmatch_lines(["*rigs.yaml:4: rigs.bench1.prot is '/dev/ttyACM0': there is no such key*"])
