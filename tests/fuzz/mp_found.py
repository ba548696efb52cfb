"""Inputs that a parser once could not cope with."""

from app import http, mqtt
from tests.fuzz.device_targets import TARGETS

CONNACK = b"\x20\x02\x00\x00"


def refused(parser, data, error):
    try:
        TARGETS[parser][0](data)
    except error as exc:
        return str(exc)
    raise AssertionError(f"{data} was taken")


def test_a_publish_without_room_for_the_length_of_its_topic():
    for body in (b"", b"\x00", b"\x00\x05"):
        words = refused("mqtt", CONNACK + b"\x32" + bytes((len(body),)) + body, mqtt.MqttError)
        assert words == f"a PUBLISH of QoS 1 with {len(body)} bytes makes no sense"


def test_a_topic_that_is_no_text():
    words = refused("mqtt", CONNACK + b"\x30\x04\x00\x02\xc3\x28", mqtt.MqttError)
    assert words == "a topic that is not UTF-8: b'\\xc3('"


def test_urls_that_are_none():
    for url in (
        b"http://host/",
        b"https:///x",
        b"https://host:x/",
        b"https://host:/",
        b"https://host:99999999/",
    ):
        refused("url", url, http.BadUrl)


def test_a_url_that_would_put_a_header_into_the_request():
    words = refused("url", b"https://host/x HTTP/1.1\r\nHost: evil\r\n", http.BadUrl)
    assert words == "not an https URL: 'https://host/x HTTP/1.1\\r\\nHost: evil\\r\\n'"
