"""`fieldrec board recover`: a device whose slots are both bad gets a signed release, and stays who it is."""

from dataclasses import dataclass
from pathlib import Path

from tools.board import slot
from tools.board.files import Count, Show, Writer, no_show
from tools.board.flash import FlashError, check_interpreter, identity_of
from tools.board.link import DeviceError, Link

BOOTED = ("spl: slot ", "RECOVERY: no slot boots", "spl: stopped")


@dataclass(frozen=True)
class Recovered:
    device_id: str
    slot: str
    version: str
    count: Count


def recover(link: Link, release: Path, into: str = "", show: Show = no_show) -> Recovered:
    """Put a release into a slot, by default the first; FlashError if a slot is good and `into` names none.

    DeviceError has the board's own words if it does not trust the release.
    """
    link.load("files")
    check_interpreter(link.call("interpreter"))
    who = identity_of(link)
    link.call("fresh")
    try:
        link.load("slot")
        good = {name: version for name, version in link.call("good_slots").items() if version}
    except DeviceError as error:
        raise FlashError(
            f"the board's SPL does not answer ({error}): `fieldrec board flash` puts it back"
        ) from None
    if who is None:
        raise FlashError("the board has no identity: `fieldrec board flash` makes one")
    if good and not into:
        has = ", ".join(f"{name} ({version})" for name, version in good.items())
        raise FlashError(
            f"slot {has} is good: there is nothing to recover. --slot puts the release there all the same"
        )
    wanted = slot.load(release, into or "a")
    writer = Writer(link, wanted.files, show)
    slot.put(link, wanted, who["board"], writer)
    return Recovered(who["id"], wanted.slot, wanted.version, writer.count)
