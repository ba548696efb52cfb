"""Whether a release, signed as it should be, is one for this device. Pure."""

from wire import semver


def refusal(manifest, board, versions, security_floor, forced):
    """Why the release is refused, or None.

    `versions` is what runs: {"app": ..., "runtime": ...}. Forced means that it needn't be newer; the security
    floor holds all the same.
    """
    version, kind = manifest["version"], manifest["kind"]
    if board not in manifest["boards"]:
        return f"made for {', '.join(manifest['boards'])}, this is {board}"
    for name in sorted(versions):
        least = manifest["requires"][name]
        if semver.parse(versions[name]) < semver.parse(least):
            return f"requires {name} {least}, {versions[name]} is running"
    if manifest["security_version"] < security_floor:
        return f"security version {manifest['security_version']} is under the floor {security_floor}"
    if not forced and semver.parse(version) <= semver.parse(versions[kind]):
        return f"{version} is not newer than {versions[kind]}"
    return None
