import hashlib

from wire import dsse


def test_pae_is_the_one_of_the_protocol():
    """The example of protocol.md."""
    encoded = dsse.pae("http://example.com/HelloWorld", b"hello world")
    assert encoded == b"DSSEv1 29 http://example.com/HelloWorld 11 hello world"


def test_the_length_counts_bytes():
    assert dsse.pae("ü", b"\xff\x00") == b"DSSEv1 2 \xc3\xbc 2 \xff\x00"


def test_an_envelope_is_read_back():
    signatures = [("0123456789abcdef", bytes(range(64))), ("f" * 16, b"\xff" * 64)]
    for payload in (b"x", b"{}", bytes(range(256)) * 50):
        packed = dsse.pack(dsse.PAYLOAD_TYPE_MANIFEST, payload, signatures)
        assert dsse.parse(packed) == (dsse.PAYLOAD_TYPE_MANIFEST, payload, signatures)


def test_fields_that_it_does_not_know_are_ignored():
    packed = dsse.pack("t", b"{}", [("0" * 16, bytes(64))])
    more = packed.replace(b'{"keyid"', b'{"cert":"x","keyid"').replace(b'{"payload"', b'{"new":[1],"payload"')
    assert dsse.parse(more) == dsse.parse(packed)


def test_every_cut_is_refused():
    packed = dsse.pack("t", b"some payload", [("0" * 16, bytes(64))])
    for size in range(len(packed)):
        assert refused(packed[:size]), size


def test_an_envelope_written_otherwise_is_read_as_well():
    packed = dsse.pack("t", b"some payload", [("0" * 16, bytes(64))])
    for other in (packed.replace(b":", b": "), packed.replace(b'"c29', b'"\\u00632' + b"9")):
        assert other != packed and dsse.parse(other) == dsse.parse(packed)


def test_a_second_payload_is_refused():
    packed = dsse.pack("t", b"some payload", [("0" * 16, bytes(64))])
    assert refused(packed.replace(b',"payloadType"', b',"payload":"AAAA","payloadType"'))


def test_the_digest_is_the_one_of_the_signed_bytes():
    assert dsse.digest("t", b"some payload") == hashlib.sha256(dsse.pae("t", b"some payload")).digest()


def refused(data):
    try:
        dsse.parse(data)
    except dsse.EnvelopeError:
        return True
    return False
