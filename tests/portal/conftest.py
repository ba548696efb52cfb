"""The portal on a running cloud, and a browser to look at it with."""

import pytest

from cloud.processes import ALL
from tests.browsers import browser
from tests.cloud_fixtures import running_cloud
from tests.portal import lab as labs

__all__ = ["browser"]  # a fixture, for the tests here

PATIENCE_MS = 15_000
LOCAL = ("http://127.0.0.1:", "ws://127.0.0.1:", "data:", "blob:")


@pytest.fixture(scope="module")
def lab():
    with running_cloud(*ALL) as cloud, labs.running(cloud) as lab:
        yield lab


@pytest.fixture
def open_tab(lab, browser):
    """`open_tab("operator")`: a browser, signed in so. What it asks of other hosts, or fails at, is an error."""
    wrong: list[str] = []
    contexts = []

    def opened(name: str = "", **options):
        options = {"viewport": {"width": 1440, "height": 900}} | options
        contexts.append(browser.new_context(base_url=lab.url, **options))
        page = contexts[-1].new_page()
        page.set_default_timeout(PATIENCE_MS)
        page.on(
            "request", lambda request: wrong.extend([] if request.url.startswith(LOCAL) else [request.url])
        )
        page.on("pageerror", lambda error: wrong.append(str(error)))
        page.goto("/")
        if name:
            page.get_by_label("Name").fill(name)
            page.get_by_label("Password").fill(labs.PASSWORD)
            page.get_by_role("button", name="Sign in").click()
            page.get_by_role("heading", name="Devices", exact=True).wait_for()
        return page

    yield opened
    for context in contexts:
        context.close()
    assert not wrong
