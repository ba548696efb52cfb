"""The portal as an ASGI app. NiceGUI is one app in a process, so this is called once."""

import hashlib
import os
from collections.abc import AsyncIterator
from contextlib import aclosing, asynccontextmanager, suppress
from pathlib import Path
from typing import Annotated
from urllib.parse import urlsplit

from fastapi import FastAPI, Form, Request
from fastapi.responses import HTMLResponse, JSONResponse, RedirectResponse, Response
from nicegui import ui

from cloud.portal.api import Api, ApiError, Link
from cloud.portal.pages.audit import AuditView
from cloud.portal.pages.campaign import CampaignView
from cloud.portal.pages.device import DeviceView
from cloud.portal.pages.fleet import FleetView
from cloud.portal.pages.people import PeopleView
from cloud.portal.pages.store import ReleaseView, StoreView
from cloud.portal.pages.wizard import WizardView
from cloud.portal.sessions import Sessions
from cloud.portal.settings import PortalSettings
from cloud.portal.view import View, render

# (path, what it shows, what it is told beside the words in the path)
PAGES: tuple[tuple[str, type[View], dict], ...] = (
    ("/devices", FleetView, {}),
    ("/devices/{device}", DeviceView, {}),
    ("/firmware", StoreView, {"kind": "runtime"}),
    ("/firmware/campaign", WizardView, {"kind": "runtime"}),
    ("/apps", StoreView, {"kind": "app"}),
    ("/apps/campaign", WizardView, {"kind": "app"}),
    ("/releases/{digest}", ReleaseView, {}),
    ("/campaigns/{number}", CampaignView, {}),
    ("/audit", AuditView, {}),
    ("/people", PeopleView, {}),
)
STYLE = (Path(__file__).parent / "portal.css").read_bytes()
STYLE_PATH = f"/portal-{hashlib.sha256(STYLE).hexdigest()[:12]}.css"
MARK = (
    '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 32 32"><circle cx="16" cy="16" r="15" fill="#f7c9cb"/>'
    '<circle cx="16" cy="16" r="9" fill="#dc3a41"/></svg>'
)
HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",
    "Content-Security-Policy": "frame-ancestors 'none'; form-action 'self'; base-uri 'none'; object-src 'none'",
}
MESSAGES_KEPT = 20  # of a page whose browser is away for a moment; each is a whole page


def create_app(settings: PortalSettings | None = None) -> FastAPI:
    settings = settings or PortalSettings.from_env(os.environ)
    app = FastAPI(
        title="Fieldrec portal", lifespan=_lifespan, docs_url=None, redoc_url=None, openapi_url=None
    )
    app.state.settings, app.state.sessions = settings, Sessions(settings.encrypted)
    app.middleware("http")(_with_headers)
    app.add_api_route("/health", lambda: {"status": "ok"})
    app.add_api_route("/", lambda: RedirectResponse("/devices"))
    app.add_api_route(STYLE_PATH, _style)
    app.add_api_route("/sign-in", _sign_in_page, response_class=HTMLResponse)
    app.add_api_route("/sign-in", _sign_in, methods=["POST"])
    app.add_api_route("/link/{token}", _link_page, response_class=HTMLResponse)
    app.add_api_route("/link/{token}", _link, methods=["POST"])
    app.add_api_route("/sign-out", _sign_out, methods=["POST"])
    app.add_api_route("/upload", _upload, methods=["POST"])
    for path, view, more in PAGES:
        _page(app, path, view, more)
    ui.run_with(
        app, title="Fieldrec", dark=None, language="en-US", tailwind=False, show_welcome_message=False, favicon=MARK,
        message_history_length=MESSAGES_KEPT, reconnect_timeout=10.0,
    )  # fmt: skip
    return app


@asynccontextmanager
async def _lifespan(app: FastAPI) -> AsyncIterator[None]:
    async with aclosing(Link(app.state.settings)) as app.state.link:
        yield


async def _with_headers(request: Request, go_on) -> Response:
    """What changes something has to come from a page of ours: browsers say from where."""
    if request.method == "POST" and not _ours(request):
        return JSONResponse({"error": "this form is not on a page of this portal"}, 403)
    response = await go_on(request)
    response.headers.update(HEADERS)
    return response


def _ours(request: Request) -> bool:
    origin = request.headers.get("origin")
    return origin is None or urlsplit(origin).netloc == request.headers.get("host")


def _style() -> Response:
    return Response(
        STYLE, media_type="text/css", headers={"Cache-Control": "public, max-age=31536000, immutable"}
    )


def _api(request: Request, token: str = "") -> Api:
    return Api(request.app.state.link, token)


# Pages -------------------------------------------------------------------------------------------------------------


def _page(app: FastAPI, path: str, view: type[View], more: dict) -> None:
    async def show(request: Request) -> Response | None:
        session = app.state.sessions.of(request)
        if session is None:
            return RedirectResponse(f"/sign-in?to={request.url.path}")
        words = {name: value for name, value in request.path_params.items() if isinstance(value, str)}
        shown = view(Api(app.state.link, session.token), request.query_params, **words, **more)
        client = ui.context.client
        ui.page_title(f"{shown.title} · Fieldrec")
        ui.add_head_html(f'<link rel="stylesheet" href="{STYLE_PATH}">{_THEME}')
        client.content.style("padding: 0; display: block")
        quasars = client.content.parent_slot
        assert quasars
        quasars.parent.props("role=presentation")  # it is a <main>, and so is what we put into it
        await shown.begin(client)
        return None

    ui.page(path, response_timeout=10)(show)


_THEME = "<script>document.documentElement.dataset.theme = localStorage.getItem('theme') ?? 'auto'</script>"


# Signing in and out --------------------------------------------------------------------------------------------------


def _enter(request: Request, status: int = 200, **context: str) -> HTMLResponse:
    provider = request.app.state.settings.oidc_start_url
    said = {
        "style": STYLE_PATH,
        "provider": provider,
        "wrong": "",
        "to": "/devices",
        "name": "",
        "link": "",
    } | context
    return HTMLResponse(render("enter.html", **said), status)


def _sign_in_page(request: Request, to: str = "/devices") -> HTMLResponse:
    return _enter(request, to=_inside(to))


def _link_page(request: Request, token: str) -> HTMLResponse:
    """A press is needed: what only looks at links, such as a mail program, must not use them up."""
    return _enter(request, link=token)


async def _sign_in(
    request: Request,
    name: Annotated[str, Form()],
    password: Annotated[str, Form()],
    to: Annotated[str, Form()] = "/",
) -> Response:
    try:
        signed = await _api(request).change("SignIn", name=name, password=password)
    except ApiError as error:
        return _enter(request, 401, wrong=str(error), name=name, to=_inside(to))
    return _entered(request, signed["token"], _inside(to))


async def _link(request: Request, token: str) -> Response:
    try:
        signed = await _api(request).change("SignInWithLink", token=token)
    except ApiError as error:
        return _enter(request, 401, wrong=str(error))
    return _entered(request, signed["token"], "/devices")


def _entered(request: Request, token: str, to: str) -> Response:
    response = RedirectResponse(to, 303)
    request.app.state.sessions.open(token, response)
    return response


async def _sign_out(request: Request) -> Response:
    response = RedirectResponse("/sign-in", 303)
    if session := request.app.state.sessions.of(request):
        request.app.state.sessions.close(session.key, response)
        with suppress(ApiError):  # it has ended, or ends by itself; the browser has no key to it any more
            await _api(request, session.token).change("SignOut")
    return response


def _inside(to: str) -> str:
    """Only to a page of ours."""
    return to if to.startswith("/") and not to.startswith(("//", "/\\")) else "/devices"


async def _upload(request: Request) -> Response:
    """Passed on as it comes, to where continuous integration publishes too, with the person's own token."""
    session = request.app.state.sessions.of(request)
    if session is None:
        return JSONResponse({"error": "not signed in"}, 401)
    status, text = await _api(request, session.token).upload(request.stream())
    return Response(text, status, media_type="application/json")
