"""One row of the tables: what is served to a device, and how it refuses."""

from collections.abc import Callable
from dataclasses import dataclass, field

from tests.attacks.forge import Forged, ring, roots


@dataclass(frozen=True)
class Attack:
    """`words`: all that the refusal says; {release}, {root} and so on stand for the ids of keys.

    `ends`: the class of the refusal (app/outcomes). `job`: what the job says otherwise. `etc`: files of the
    device's /etc. `touched`: seen only once the payload comes, so that the spare slot (unsealed) was begun.
    `learnt`: a good keyring came in front, and is kept, whatever becomes of the release.
    """

    words: str
    forged: Callable[[], Forged] = Forged
    ends: str = "Refused"
    job: dict = field(default_factory=dict)
    etc: dict[str, bytes | None] = field(default_factory=dict)
    floor: int = 0
    touched: bool = False
    learnt: bool = False


def two_needed() -> dict[str, bytes | None]:
    """A keyring that wants two signatures on a release."""
    return {"keyring.json": ring(threshold=2)}


def held(keyring: bytes | None) -> dict[str, bytes | None]:
    return {"keyring.json": keyring}


def trusted(root_keys: bytes | None) -> dict[str, bytes | None]:
    return {"roots.json": root_keys}


def two_roots() -> dict[str, bytes | None]:
    return {"roots.json": roots(threshold=2)}
