"""The head of a release file on a server: verified, and found to be one for this device, before any payload.

keyrings in front -> envelope, signature, digest, policy -> index

A newer keyring is kept before the release is judged by it, whatever becomes of the release.
"""

from app import policy
from app.outcomes import Failed, Refused
from app.slotfiles import is_right
from app.source import Memory
from bootloader import bootctl, trust
from wire import frel


async def open_release(source, device, job, record):
    """(manifest, its bytes, chunk index, offset of the payload); Refused for all that is wrong with them.

    `job`: {"digest", "forced", "kind", "app" if left out}.
    """
    try:
        manifest, raw, at = await _verified(source, device, job.get("kind", "app"))
    except (frel.FormatError, trust.TrustError) as error:
        raise Refused(str(error)) from None
    if frel.digest(raw) != job["digest"]:
        raise Refused(f"signed, but release {frel.digest(raw)[:16]} instead of {job['digest'][:16]}")
    floor = bootctl.floor(record, manifest["kind"])
    reason = policy.refusal(manifest, device.board, device.versions, floor, job["forced"])
    if reason:
        raise Refused(reason)
    payload = at + manifest["index"]["size"]
    index = await _read(source, at, payload)
    if not is_right(index, bytes.fromhex(manifest["index"]["sha256"])):
        raise Refused("the chunk index is not the one of the signed manifest")
    return manifest, raw, index, payload


async def _verified(source, device, kind):
    """(manifest, its bytes, offset of the index) of a release of that kind, signed for this device."""
    start, header = await _learn_keyrings(source, device)
    envelope_len, index_len, payload_len = frel.parse_header(header)
    start += frel.HEADER_SIZE
    at = start + envelope_len
    manifest, raw = trust.verify_release(await _read(source, start, at), kind, device.root)
    frel.check_lengths(manifest, index_len, payload_len)
    return manifest, raw, at


async def _learn_keyrings(source, device):
    """(offset of the header, header), once the keyrings in front of it are known."""
    front = frel.Front()
    while True:
        head = await _read(source, front.at, front.at + frel.HEADER_SIZE)
        span = front.keyring(head)
        if not span:
            return front.at, head
        envelope = await _read(source, *span)
        try:
            trust.learn(envelope, device.root)
        except OSError as error:
            raise Failed(f"the keyring could not be written: {error}") from None


async def _read(source, start, end):
    memory = Memory(end - start, frel.CHUNK)
    await source.read(start, end, memory)
    return memory.data
