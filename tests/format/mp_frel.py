import json

from wire import frel

HASH = "0" * 64


def manifest():
    files = [
        {"path": "app/a.mpy", "offset": 0, "size": 4097, "sha256": HASH},
        {"path": "app/empty.mpy", "offset": 4097, "size": 0, "sha256": HASH},
        {"path": "b.json", "offset": 4097, "size": 8192, "sha256": HASH},
    ]
    return {
        "format": 1,
        "kind": "app",
        "name": "fieldrec",
        "version": "1.1.0",
        "security_version": 1,
        "boards": ["virtual"],
        "requires": {"runtime": "1.26.0", "app": "0.0.0"},
        "index": {"size": 4 * 32, "sha256": HASH},
        "payload": {"size": 12289, "sha256": HASH},
        "files": files,
        "created": "2026-01-01T00:00:00Z",
    }


def refusal(function, *args):
    try:
        function(*args)
    except frel.FormatError as error:
        return str(error)
    raise AssertionError(f"was not refused: {repr(args)[:200]}")


def test_a_header_is_read_back():
    header = frel.pack_header(700, 96, 5000)
    assert len(header) == frel.HEADER_SIZE and frel.parse_header(header) == (700, 96, 5000)
    assert frel.parse_header(header + b"more") == (700, 96, 5000)


def test_a_header_cut_anywhere_is_refused():
    header = frel.pack_header(700, 96, 5000)
    for size in range(frel.HEADER_SIZE):
        assert refusal(frel.parse_header, header[:size]) == f"header is cut off: {size} of 20 bytes"


def test_each_field_of_a_header_has_its_limits():
    for fields, words in (
        ((0, 96, 5000), "envelope length 0 is not in 1..32768"),
        ((32769, 96, 5000), "envelope length 32769 is not in 1..32768"),
        ((700, 0, 5000), "index length 0 is not in 1..73728"),
        ((700, 73760, 5000), "index length 73760 is not in 1..73728"),
        ((700, 95, 5000), "index length 95 is no multiple of 32"),
        ((700, 96, 0), "payload length 0 is not in 1..8388608"),
        ((700, 96, 0xFFFFFFFF), "payload length 4294967295 is not in 1..8388608"),
    ):
        assert refusal(frel.parse_header, frel.pack_header(*fields)) == words
    header = frel.pack_header(700, 96, 5000)
    assert "not a release" in refusal(frel.parse_header, b"frel" + header[4:])
    assert refusal(frel.parse_header, b"FREL\0\0\0\2" + header[8:]) == "format 2 is not known, only 1 is"


def test_keyrings_in_front_are_found_and_then_the_header():
    first, second = frel.pack_keyring(b"k" * 30), frel.pack_keyring(b"l" * 5000)
    data = bytearray(first + second + frel.pack_header(700, 96, 5000))
    front, found = frel.Front(), []
    while True:
        span = front.keyring(data[front.at : front.at + frel.HEADER_SIZE])
        if not span:
            break
        found.append(data[span[0] : span[1]])
    assert found == [b"k" * 30, b"l" * 5000]
    assert frel.parse_header(data[front.at :]) == (700, 96, 5000)


def test_a_keyring_section_has_its_limits():
    section = frel.pack_keyring(b"k" * 30)
    for size in range(4, frel.KEYRING_HEADER_SIZE):
        words = f"keyring section is cut off: {size} of 12 bytes"
        assert refusal(frel.keyring_length, section[:size]) == words
    assert frel.keyring_length(b"FREL" + section[4:]) == frel.keyring_length(b"FR") == 0
    words = "keyring section of format 2 is not known, only 1 is"
    assert refusal(frel.keyring_length, b"FRKR\0\0\0\2" + section[8:]) == words
    for length in (0, frel.MAX_KEYRING + 1, 2**32 - 1):
        head = section[:8] + length.to_bytes(4, "big")
        assert refusal(frel.keyring_length, head) == f"keyring length {length} is not in 1..16384"


def test_keyrings_in_front_come_to_an_end():
    front = frel.Front()
    for _ in range(frel.MAX_KEYRINGS):
        assert front.keyring(frel.pack_keyring(b"k"))
    assert refusal(front.keyring, frel.pack_keyring(b"k")) == "more than 8 keyrings in front of the header"


def test_chunks_never_cross_a_file():
    found = [(file["path"], offset, length) for file, offset, length in frel.chunks(manifest()["files"])]
    assert found == [
        ("app/a.mpy", 0, 4096),
        ("app/a.mpy", 4096, 1),
        ("b.json", 0, 4096),
        ("b.json", 4096, 4096),
    ]


def test_a_manifest_that_is_right():
    frel.check_manifest(manifest())
    frel.check_manifest(json.loads(json.dumps(manifest())))
    frel.check_lengths(manifest(), 128, 12289)


def test_the_header_must_agree_with_the_manifest():
    assert (
        refusal(frel.check_lengths, manifest(), 96, 12289)
        == "index is 96 bytes by the header, 128 by the manifest"
    )
    assert "payload is 1 bytes by the header" in refusal(frel.check_lengths, manifest(), 128, 1)


def test_every_field_is_needed():
    for name in manifest():
        cut = manifest()
        del cut[name]
        assert refusal(frel.check_manifest, cut) == f"manifest: {name} is not valid: None"


def test_fields_of_wrong_type_or_value_are_named():
    value: object
    for name, values in (
        ("format", (2, "1", True, 1.0)),
        ("kind", ("firmware", "", 1, ["app"])),
        ("name", ("", "a b", "a/b", ".a", "x" * 65, 5)),
        ("version", ("1", "1.0", "01.0.0", 1, {})),
        ("security_version", (-1, "1", 1.5, True, 2**31)),
        ("boards", ([], "virtual", [1], [""], ["../x"], {"virtual": 1})),
        ("requires", ({}, [], {"runtime": "1.26.0"}, {"runtime": "1", "app": "0.0.0"})),
        ("index", ({}, [], {"size": 128}, {"size": -1, "sha256": HASH}, {"size": 128, "sha256": HASH[:-1]})),
        ("payload", ({}, {"size": "12289", "sha256": HASH}, {"size": 12289, "sha256": "G" * 64})),
        ("files", ([], {}, "x", [{}] * 257)),
        ("created", ("", "yesterday", 5, "2026-01-01 00:00:00Z")),
    ):
        for value in values:
            changed = manifest()
            changed[name] = value
            assert refusal(frel.check_manifest, changed).startswith(f"manifest: {name} is not valid"), (
                name,
                value,
            )
    for value in (None, [], "x", 1):
        assert refusal(frel.check_manifest, value).startswith("manifest: manifest is not valid")


def test_paths_stay_inside_the_slot():
    above = ("", "/etc/x", "../x", "a/../x", "a//b", "a/", "./a", "a\\b")
    others = (".hidden", "a/.b", "a b", "ä", "a\0b", "seal", "manifest.json", "x" * 97, None, 5, ["a"])
    for path in above + others:
        changed = manifest()
        changed["files"][0]["path"] = path
        assert refusal(frel.check_manifest, changed).startswith("manifest: files[0].path is not valid"), path


def test_rows_of_files_are_checked():
    for number, name, value in (
        (2, "path", "app/a.mpy"),  # twice
        (1, "offset", 0),  # overlaps
        (2, "offset", 5000),  # leaves a gap
        (0, "size", -1),
        (0, "size", 2**40),
        (0, "size", "4097"),
        (0, "sha256", "x"),
        (1, "sha256", HASH.upper().replace("0", "A")),
    ):
        changed = manifest()
        changed["files"][number][name] = value
        words = refusal(frel.check_manifest, changed)
        assert words.startswith(f"manifest: files[{number}].{name} is not valid"), words
    changed = manifest()
    changed["files"][1] = None
    assert refusal(frel.check_manifest, changed) == "manifest: files[1] is not valid: None"


def test_sizes_must_add_up():
    for part, words in (("payload", "payload.size"), ("index", "index.size")):
        changed = manifest()
        changed[part]["size"] += 32
        assert refusal(frel.check_manifest, changed).startswith(f"manifest: {words} is not valid")


def test_a_file_is_no_folder_of_another():
    changed = manifest()
    changed["files"][1]["path"] = "app"
    assert refusal(frel.check_manifest, changed) == "manifest: files[1].path is not valid: 'app'"
