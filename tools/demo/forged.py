"""Offering a release to one device as the cloud would, past the cloud's own checks."""

import asyncio
import json
import ssl
from pathlib import Path

import aiomqtt

from cloud.processes import Cloud
from tools import release
from wire import topics

_ANSWER_S = 60


async def offer(cloud: Cloud, device_id: str, name: str, path: Path, url: str) -> dict:
    """The last word of the device on a job to install the release at `url`."""
    settings = cloud.settings_of("ota")
    tls = ssl.create_default_context(cafile=str(settings.ca_cert))
    tls.load_cert_chain(settings.mqtt_cert, settings.mqtt_key)
    about = release.inspect(path)
    job = "demo-" + about["digest"][:12]
    notice = {
        "v": topics.VERSION, "job": job, "kind": "app", "release": name, "version": about["manifest"]["version"],
        "digest": about["digest"], "url": url, "url_expires": "2099-01-01T00:00:00Z",
        "size": path.stat().st_size, "forced": False,
    }  # fmt: skip
    client = aiomqtt.Client(
        settings.mqtt_host, settings.mqtt_port, identifier="service-ota-demo", tls_context=tls
    )
    async with client, asyncio.timeout(_ANSWER_S):
        await client.subscribe(topics.topic(device_id, f"jobs/{job}/update"), qos=1)
        await client.publish(topics.topic(device_id, "jobs/notify"), json.dumps(notice), qos=1)
        async for message in client.messages:
            answer = json.loads(bytes(message.payload))
            if answer["status"] in topics.ENDED:
                return answer
    raise TimeoutError(f"{device_id} did not answer")
