from app.policy import refusal

MANIFEST = {
    "kind": "app",
    "version": "1.1.0",
    "security_version": 3,
    "boards": ["virtual", "esp32s3"],
    "requires": {"runtime": "1.26.0", "app": "1.0.0"},
}


def why(board="virtual", app="1.0.0", runtime="1.29.0", floor=3, forced=False, **changes):
    manifest = dict(MANIFEST)
    manifest.update(changes)
    return refusal(manifest, board, {"app": app, "runtime": runtime}, floor, forced)


def test_what_fits_is_taken():
    assert why() is None
    assert why(board="esp32s3", app="1.1.0-rc.1", runtime="1.26.0") is None


def test_each_refusal_has_its_words():
    assert why(board="pico") == "made for virtual, esp32s3, this is pico"
    assert why(runtime="1.25.9") == "requires runtime 1.26.0, 1.25.9 is running"
    assert why(runtime="1.26.0-preview") == "requires runtime 1.26.0, 1.26.0-preview is running"
    assert why(app="0.9.0") == "requires app 1.0.0, 0.9.0 is running"
    assert why(floor=4) == "security version 3 is under the floor 4"
    assert why(app="1.1.0") == "1.1.0 is not newer than 1.1.0"
    assert why(app="2.0.0") == "1.1.0 is not newer than 2.0.0"


def test_forced_needs_not_be_newer_and_nothing_else():
    assert why(app="2.0.0", forced=True) is None
    assert why(app="2.0.0", forced=True, floor=4) == "security version 3 is under the floor 4"
    assert why(app="2.0.0", forced=True, board="pico") == "made for virtual, esp32s3, this is pico"
