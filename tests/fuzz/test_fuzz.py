"""A share of what `python -m tests.fuzz` runs: no crash, no hang, bounded memory, no strange exception."""

import pytest

from tests.fuzz import driver, host_targets, mutate

SEED, TOTAL = 7, 20_000
DEVICE, HOST = (driver.counts(shares, TOTAL) for shares in (driver.DEVICE_SHARES, driver.HOST_SHARES))


@pytest.fixture(scope="module")
def device(tmp_path_factory):
    return driver.Device(tmp_path_factory.mktemp("fuzz"))


@pytest.mark.parametrize("parser", DEVICE)
def test_a_parser_of_the_device(parser, device):
    device.fuzz(parser, SEED, 0, DEVICE[parser])


@pytest.mark.parametrize("parser", HOST)
def test_a_parser_of_the_host(parser):
    host_targets.fuzz(parser, SEED, HOST[parser])


def test_the_shares_are_100_000_and_leave_no_parser_out():
    assert sum(driver.DEVICE_SHARES.values()) + sum(driver.HOST_SHARES.values()) == 100_000
    assert set(driver.HOST_SHARES) == set(host_targets.TARGETS)


def test_an_input_can_be_made_again():
    examples = [b'{"a": [1, 2, {"b": "c"}]}', b"0123456789"]
    made = [mutate.make("json", examples, 3, number) for number in range(300)]
    assert made == [mutate.make("json", examples, 3, number) for number in range(300)]
    assert len(set(made)) > 200


@pytest.mark.parametrize(
    ("parser", "words"),
    [
        ("wrong", "KeyError: 7"),
        ("hangs", "was silent for 1 s"),
        ("keeps", "are not given back"),
        ("crashes", "ended with -11"),
    ],
)
def test_the_driver_finds_what_is_planted(parser, words, device, monkeypatch):
    monkeypatch.setattr(driver, "SILENCE_S", 1)
    with pytest.raises(driver.Found, match=words):
        device.fuzz(parser, SEED, 0, 400)
