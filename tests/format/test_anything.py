"""Whatever comes from outside is taken or refused in words: no other exception leaves a parser."""

import copy
import json

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.format.mp_frel import manifest
from wire import dsse, frel, semver, trust

ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=6,
)
ROOTS = {"keys": {}, "threshold": 1}
RUN = settings(max_examples=200, deadline=None)  # a busy machine is no failure
ROOT = trust.keyid(bytes(64))
RING: dict = {
    "version": 2,
    "keys": {ROOT: {"public": bytes(64).hex(), "kinds": ["app"]}},
    "revoked": [],
    "threshold": 1,
    "roots": {"version": 2, "keys": {ROOT: bytes(64).hex()}, "threshold": 1},
}
KEYRING = {"version": 1, "keys": {}, "revoked": [], "threshold": 1}


def taken_or_refused(kind: type[ValueError], function, *arguments) -> None:
    try:
        function(*arguments)
    except kind as error:
        assert type(error) is kind and str(error)


@RUN
@given(st.binary(max_size=64) | st.binary(max_size=64).map(lambda tail: b"FREL\0\0\0\1" + tail))
def test_headers(data):
    taken_or_refused(frel.FormatError, frel.parse_header, data)
    taken_or_refused(frel.FormatError, frel.keyring_length, b"FRKR" + data)


@RUN
@given(st.data())
def test_manifests_with_one_value_exchanged(data):
    changed = copy.deepcopy(manifest())
    place = data.draw(st.sampled_from([changed, changed["files"][0], changed["index"], changed["requires"]]))
    place[data.draw(st.sampled_from(sorted(place)))] = data.draw(ANYTHING)
    taken_or_refused(frel.FormatError, frel.check_manifest, changed)


@RUN
@given(ANYTHING)
def test_manifests_that_are_anything(value):
    taken_or_refused(frel.FormatError, frel.check_manifest, value)


@RUN
@given(st.binary(max_size=200) | ANYTHING.map(lambda value: json.dumps(value).encode()))
def test_envelopes(data):
    taken_or_refused(dsse.EnvelopeError, dsse.parse, data)
    taken_or_refused(trust.TrustError, trust.open_keyring, data, ROOTS, None)
    taken_or_refused(trust.TrustError, trust.open_release, data, KEYRING, None)


@RUN
@given(ANYTHING, ANYTHING, ANYTHING)
def test_envelopes_with_our_fields(payload, payload_type, signatures):
    envelope = {"payload": payload, "payloadType": payload_type, "signatures": signatures}
    taken_or_refused(dsse.EnvelopeError, dsse.parse, json.dumps(envelope).encode())


@RUN
@given(ANYTHING)
def test_keyrings_signed_but_odd(value):
    odd_and_trusted(value)


@RUN
@given(st.data())
def test_keyrings_with_one_value_exchanged(data):
    changed = copy.deepcopy(RING)
    place = data.draw(st.sampled_from([changed, changed["roots"], changed["keys"][ROOT]]))
    place[data.draw(st.sampled_from(sorted(place)))] = data.draw(ANYTHING)
    odd_and_trusted(changed)


def odd_and_trusted(value) -> None:
    envelope = dsse.pack(dsse.PAYLOAD_TYPE_KEYRING, json.dumps(value).encode(), [(ROOT, bytes(64))])
    taken_or_refused(trust.TrustError, trust.open_keyring, envelope, RING["roots"], lambda *_: True)
    taken_or_refused(trust.TrustError, trust.newer_keyring, envelope, RING["roots"], KEYRING, lambda *_: True)


@RUN
@given(ANYTHING | st.text(alphabet="0123456789.-+ab", max_size=20))
def test_versions(value):
    taken_or_refused(ValueError, semver.parse, value)
