"""Which service a command talks to: never another one than was asked, nor with a token in the open."""

from pathlib import Path

import pytest

from tools.service import ServiceError, Where

CA = Path("ca.pem")


def test_another_cloud_is_asked_with_its_own_ca_and_token():
    where = Where("ota", Path("here"), "https://there:8444/", CA, "secret")
    assert where.known() == ("https://there:8444", CA, "secret")


@pytest.mark.parametrize(
    ("given", "words"),
    [
        (("http://there:8444", CA, "secret"), "no https address"),
        (("https://there:8444", None, "secret"), "--ca and --token"),
        (("https://there:8444", CA, None), "--ca and --token"),
        ((None, CA, None), "--url"),
        ((None, None, "secret"), "nothing runs in"),
    ],
)
def test_half_an_address_is_refused(tmp_path, given, words):
    with pytest.raises(ServiceError, match=words):
        Where("ota", tmp_path, *given).known()
