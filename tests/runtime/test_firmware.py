"""The firmware as it is, on a virtual board in real time: a job of the broker's, to the word of how it ended."""

import json
import time

import pytest

from tests.network import lab
from tests.network.online import Cloud
from tests.runtime import life
from tests.runtime.life import NEW, OLD, make
from tests.update.workshop import ReleaseServer
from tools.virtual import chip
from tools.virtual.board import VirtualBoard
from tools.virtual.live import LiveBoard

SPEED = 30.0  # the self-test looks for 30 s
SIZE = 24576
VALID = chip.otadata.VALID


@pytest.fixture(scope="module")
def authority(tmp_path_factory) -> lab.Authority:
    return lab.Authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture(scope="module")
def broker(authority):
    with lab.broker(authority) as port:
        yield port


@pytest.fixture
def cloud(authority, broker):
    cloud = Cloud(authority, broker)
    yield cloud
    cloud.close()


@pytest.fixture
def enrolled(flash_files, runtime_keys, authority, broker) -> dict[str, bytes]:
    """The flash of a board that has its certificate."""
    certificate, key = authority.device("dev-1")
    told = {
        "device.json": json.dumps({"id": "dev-1", "board": "virtual", "cloud": ""}).encode(),
        "settings.json": json.dumps({"wifi_on": True, "wifi_ssid": "lab", "heartbeat_s": 30}).encode(),
        "mqtt.json": json.dumps({"host": "127.0.0.1", "port": broker}).encode(),
        "ca.der": authority.der, "cert.der": certificate, "key.der": key,
    }  # fmt: skip
    trust = {name: (runtime_keys / name).read_bytes() for name in ("roots.json", "keyring.json")}
    return flash_files | {f"etc/{name}": data for name, data in (told | trust).items()}


class Updating:
    """A board with the old runtime and a job to install this image."""

    def __init__(self, folder, files, image: bytes, keys, authority, cloud):
        path = life.release_of({"runtime.bin": image}, folder / "new.frel", keys)
        self.board = VirtualBoard.create(
            folder / "board", files, runtime=make(OLD, SIZE), real=True, rate=SPEED, utc_s=int(time.time())
        )
        self.board.do("hold", "USB")
        self.board.do("set_link", True)
        self.live = LiveBoard(self.board)
        self._server = ReleaseServer(authority, path)
        self._cloud = cloud

    def __enter__(self) -> "Updating":
        server = self._server.__enter__()
        self._cloud.job = {
            "job": "1", "kind": "runtime", "release": f"micropython {NEW}", "version": NEW,
            "digest": server.digest, "url": server.url + "/release", "forced": False,
        }  # fmt: skip
        self.live.power_on()
        self._cloud.wait_for("jobs/1/update", step="installed")
        return self

    def __exit__(self, *exc) -> None:
        self.live.close()
        self._server.__exit__()

    def ends(self, status: str) -> dict:
        """What the board says at last, and the versions that it runs then."""
        said = self._cloud.wait_for("jobs/1/update", status=status)
        return said | {"versions": self._cloud.wait_for("heartbeat")["versions"]}


@pytest.fixture
def update(tmp_path, enrolled, runtime_keys, authority, cloud):
    return lambda image: Updating(tmp_path, enrolled, image, runtime_keys, authority, cloud)


def test_a_job_installs_a_runtime_and_says_that_it_was_kept(update):
    image = make(NEW, SIZE, salt="other")
    with update(image) as it:
        said = it.ends("SUCCEEDED")
    assert said["step"] == "confirmed" and said["versions"] == {"app": "1.0.0", "runtime": NEW}
    assert it.board.running == "ota_1" and chip.image_of(it.board.folder, "ota_1") == image
    assert chip.otadata_of(it.board.folder).entries[1][1] == VALID
    assert any(f"runtime {NEW} confirmed" in line for line in it.board.lines)


def test_a_runtime_under_which_the_broker_is_not_reached_goes_back_and_says_so(update):
    with update(make(NEW, SIZE)) as it:
        it.live.do("set_link", False)
        it.live.wait_line("reset: self-test: broker", 20)
        it.live.do("set_link", True)
        said = it.ends("FAILED")
    assert (said["step"], said["detail"]) == ("reverted", "self-test: broker: not within 120 s")
    assert said["versions"]["runtime"] == OLD and it.board.running == "ota_0"


def test_a_runtime_that_crashes_at_its_start_goes_back_and_says_so(update):
    with update(make(NEW, SIZE, "panic")) as it:
        said = it.ends("FAILED")
    assert (said["step"], said["detail"]) == ("reverted", "the runtime in ota_1 was not confirmed in 3 tries")
    assert it.board.ends.count("panic") == 3 and it.board.running == "ota_0"
