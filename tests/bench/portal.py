"""The portal's pages at a million devices, in a browser: from the click to what one came for being drawn."""

import ssl
import statistics
import threading
import time
from collections.abc import Callable, Iterator

import httpx
import psycopg

from cloud.dashboard import fleet
from cloud.processes import Cloud
from tests.browsers import CHROMIUM, OPTIONS
from tools import signin

Row = tuple[str, str, str, str]

TIMES = 5
LIMIT_S = 1.0
PATIENCE_MS = 30_000

_FLEET = "{ fleet { total } }"


def measure(cloud: Cloud) -> Iterator[Row]:
    """`cloud` has just started, with the dashboard and the portal, on a database that is full."""
    from playwright.sync_api import sync_playwright  # imported late: the other benches need no browser

    counted = _Timed(lambda: _ask(cloud, _FLEET))  # the first count is under way: it began with the service
    with sync_playwright() as api:
        browser = api.chromium.launch(executable_path=CHROMIUM, args=OPTIONS)
        page = browser.new_context(
            base_url=cloud.urls["portal"], viewport={"width": 1440, "height": 900}
        ).new_page()
        page.set_default_timeout(PATIENCE_MS)
        page.goto(signin.link(cloud.urls, cloud.ca, cloud.admin_token, "bench", "admin"))
        page.get_by_role("button", name="Continue").click()
        early = [_took(page, *_PAGES["list of devices"]) for _ in range(3)]
        while_counting = counted.running
        yield _row(
            "portal, list of devices while the fleet is counted for the first time", early, while_counting
        )
        yield "portal, the first count of the fleet after the start", f"{counted.seconds():.1f} s", "", ""
        page.locator(".big").first.wait_for()
        for what, (go, drawn) in _PAGES.items():
            yield _row(f"portal, {what}", [_took(page, go, drawn) for _ in range(TIMES)])
        again = _Recounts(cloud)
        yield _row(
            "portal, list of devices while the fleet is counted without a pause",
            [_took(page, *_PAGES["list of devices"]) for _ in range(TIMES)],
        )
        again.end()
        browser.close()


def _row(what: str, took: list[float], holds: bool = True) -> Row:
    worst = (
        f"slowest of {len(took)}: {max(took):.2f} s" if holds else "it was counted before the list was drawn"
    )
    median = statistics.median(took)
    return what, f"{median * 1000:.0f} ms", worst, f"{median / LIMIT_S:.2f} of 1 s"


def _took(page, go: Callable, drawn: str) -> float:
    """Seconds from the click, or the last key, to the next picture that has it."""
    act = go(page)
    started = time.perf_counter()
    act()
    page.wait_for_selector(drawn, state="visible")
    page.evaluate("new Promise((done) => requestAnimationFrame(() => setTimeout(done)))")
    return time.perf_counter() - started


def _link(path: str) -> Callable:
    """To a page, as by a press on a link to it."""
    return lambda page: lambda: page.goto(path, wait_until="commit")


def _typed(text: str) -> Callable:
    return _on_a_list(lambda page: page.locator("[data-search]").fill(text))


def _chosen(name: str, value: str) -> Callable:
    return _on_a_list(lambda page: page.locator(f"select[name={name}]").select_option(value))


def _pressed(name: str) -> Callable:
    return _on_a_list(lambda page: page.get_by_role("button", name=name).click())


def _on_a_list(act: Callable) -> Callable:
    """On one that is drawn and live, with what was counted."""

    def go(page):
        page.goto("/devices", wait_until="commit")
        for drawn in ("tbody tr:nth-child(50)", ".live-dot.on", ".shares"):
            page.wait_for_selector(drawn)
        return lambda: act(page)

    return go


_PAGES = {  # what: (how one gets there, what one came for)
    "list of devices": (_link("/devices"), "tbody tr:nth-child(50)"),
    "list of devices, next page": (_pressed("Next"), "tr[data-key=dev-0000051]"),
    "search for one device, typed": (_typed("0999999"), "tr[data-key=dev-0999999]:only-child"),
    "search that nothing fits, typed": (_typed("none-such"), "text=No device fits"),
    "list of a rare state": (_chosen("state", "RECORDING"), "tbody tr:nth-child(40) >> text=Recording"),
    "list of those offline": (_chosen("online", "no"), "tbody:not(:has(.presence.on)) tr:nth-child(50)"),
    "list of an old version": (_chosen("app", "0.9.0"), "tr[data-key=dev-0001000]"),
    "device page": (_link("/devices/dev-0500000"), "text=Certificates"),
    "campaign page": (_link("/campaigns/1"), "text=Failures by reason"),
    "audit": (_link("/audit"), "tbody tr:nth-child(50)"),
    "app store": (_link("/apps"), "text=fieldrec 1.1.0"),
}


class _Timed:
    """How long `work` takes, in a thread."""

    def __init__(self, work: Callable[[], object]) -> None:
        self._started = self._ended = time.perf_counter()
        self._thread = threading.Thread(target=self._run, args=[work])
        self._thread.start()

    def _run(self, work: Callable[[], object]) -> None:
        work()
        self._ended = time.perf_counter()

    @property
    def running(self) -> bool:
        return self._thread.is_alive()

    def seconds(self) -> float:
        self._thread.join()
        return self._ended - self._started


class _Recounts:
    """The fleet is counted in one connection after another, as it is with changes all the time."""

    def __init__(self, cloud: Cloud) -> None:
        self._go_on = True
        self._thread = threading.Thread(target=self._run, args=[cloud.settings.postgres_url])
        self._thread.start()

    def _run(self, url: str) -> None:
        with psycopg.connect(url) as connection:
            while self._go_on:
                with connection.transaction():
                    connection.execute(fleet._MEMORY)
                    connection.execute(fleet._COUNTS, {"now": "2026-01-01"})

    def end(self) -> None:
        self._go_on = False
        self._thread.join()


def _ask(cloud: Cloud, query: str) -> None:
    trusted = ssl.create_default_context(cafile=str(cloud.ca))
    bearer = {"Authorization": f"Bearer {cloud.admin_token}"}
    with httpx.Client(verify=trusted, headers=bearer, timeout=60, trust_env=False) as http:
        answer = http.post(f"{cloud.urls['dashboard']}/graphql", json={"query": query}).json()
    assert "errors" not in answer, answer
