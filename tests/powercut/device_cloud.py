"""The cloud as the device meets it: jobs over MQTT, release files over HTTP. Above the link all is the device's own."""

import asyncio
import json

from tests.powercut import device_flash
from wire import dsse, frel, topics


class Release:
    """A .frel file, its parts, and what its app does on trial: "good", "bad" (fails its test) or "hangs"."""

    def __init__(self, data, behaviour):
        self.data, self.behaviour = data, behaviour
        front = frel.Front()
        while front.keyring(data[front.at : front.at + frel.HEADER_SIZE]):
            continue
        start = front.at + frel.HEADER_SIZE
        envelope, index, _ = frel.parse_header(data[front.at : start])
        _, self.manifest, _ = dsse.parse(data[start : start + envelope])
        told = json.loads(self.manifest)
        self.version, self.security_version = told["version"], told["security_version"]
        self.kind, self.digest = told["kind"], frel.digest(self.manifest)
        self.job, self.url = "job-" + self.version, "https://releases/" + self.version
        payload = memoryview(data)[start + envelope + index :]
        self.files = {
            file["path"]: payload[file["offset"] : file["offset"] + file["size"]] for file in told["files"]
        }


class Cloud:
    """Offers one job after another, each until the device has said how it ended; `done` when there is none left.

    `ended`: (release, status and step, flash operations done by then) of each. It is also the MQTT client that
    app/jobs talks to, and the HTTP client that app/update fetches with.
    """

    def __init__(self, releases):
        self._offers = list(releases)
        self.ended = []
        self.connect(None)

    def connect(self, jobs):
        """A start of the device, whose jobs are these."""
        self._jobs = jobs
        self.body_bytes = 0
        self.done, self._news = asyncio.Event(), asyncio.Event()

    async def publish(self, topic, payload):
        parts = topic.split("/")
        if parts[-1] == "get":
            self._notify()
            return
        said = json.loads(payload)
        if said["status"] in topics.ENDED and self._offers and parts[-2] == self._offers[0].job:
            outcome = said["status"] + " " + said["step"]
            self.ended.append((self._offers.pop(0), outcome, len(device_flash.operations)))
            self._news.set()

    async def serve(self):
        """For ever: tell of the next job when one has ended."""
        while True:
            await self._news.wait()
            self._news.clear()
            await asyncio.sleep_ms(10)
            self._notify()

    def _notify(self):
        if not self._offers:
            self._jobs.on_notify(b'{"v":1,"job":null}')
            self.done.set()
            return
        release = self._offers[0]
        told = {
            "v": 1, "job": release.job, "kind": release.kind, "release": "fieldrec " + release.version,
            "version": release.version, "digest": release.digest, "url": release.url, "forced": False,
        }  # fmt: skip
        self._jobs.on_notify(json.dumps(told).encode())

    @property
    def offered(self):
        """The release of the job that is offered now, or None."""
        return self._offers[0] if self._offers else None

    # -- what app/source asks of app/http.Client

    async def get_range(self, url, start, end):
        for release in self._offers:
            if release.url == url:
                return _Body(self, release.data, start)
        raise ValueError(f"nobody offers {url}")

    async def close(self):
        return


class _Body:
    def __init__(self, client, data, at):
        self._client, self._data, self._at = client, data, at

    async def readinto(self, view):
        view[:] = self._data[self._at : self._at + len(view)]
        self._at += len(view)
        self._client.body_bytes += len(view)
        return len(view)

    async def fill(self, view):
        await self.readinto(view)

    async def end(self):
        return
