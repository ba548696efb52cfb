"""Signing in by an identity provider that is real enough to sign: discovery, code, PKCE, nonce, keys."""

import asyncio
import socket
import time
from base64 import urlsafe_b64encode
from contextlib import asynccontextmanager
from dataclasses import replace
from hashlib import sha256
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
import uvicorn
from fastapi import FastAPI, Request
from joserfc import jwt
from joserfc.jwk import ECKey

from cloud.dashboard import app as dashboard
from cloud.dashboard.provider import role_of

CLIENT, SECRET = "fieldrec", "s" * 32


class Provider:
    """Signs everybody in as `person`, without asking."""

    def __init__(self) -> None:
        self.key = ECKey.generate_key("P-256", {"kid": "one", "use": "sig"})
        self.person = {"sub": "42", "preferred_username": "operator", "groups": ["staff", "ops"]}
        self.asked: dict[str, str] = {}
        self.issuer = ""
        self.app = FastAPI()
        self.app.add_api_route("/.well-known/openid-configuration", self.metadata)
        self.app.add_api_route("/keys", lambda: {"keys": [self.key.as_dict(private=False)]})
        self.app.add_api_route("/token", self.token, methods=["POST"])

    def metadata(self) -> dict:
        return {
            "issuer": self.issuer,
            "authorization_endpoint": f"{self.issuer}/authorize",
            "token_endpoint": f"{self.issuer}/token",
            "jwks_uri": f"{self.issuer}/keys",
            "id_token_signing_alg_values_supported": ["ES256"],
        }

    async def token(self, request: Request) -> dict:
        form = parse_qs((await request.body()).decode())
        challenge = urlsafe_b64encode(sha256(form["code_verifier"][0].encode()).digest()).decode().rstrip("=")
        assert challenge == self.asked["code_challenge"]
        now = int(time.time())
        claims = {
            "iss": self.issuer,
            "aud": CLIENT,
            "iat": now,
            "exp": now + 60,
            "nonce": self.asked["nonce"],
        }
        signed = jwt.encode({"alg": "ES256", "kid": "one"}, claims | self.person, self.key)
        return {"access_token": "a", "token_type": "Bearer", "id_token": signed}


@asynccontextmanager
async def serving(provider: Provider):
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen()
        provider.issuer = f"http://127.0.0.1:{listening.getsockname()[1]}"
        server = uvicorn.Server(uvicorn.Config(provider.app, lifespan="off", log_config=None))
        running = asyncio.create_task(server.serve([listening]))
        try:
            yield
        finally:
            server.should_exit = True
            await running


@pytest.fixture
async def signing(lab, tmp_path):
    """(provider, a browser at the dashboard that is told of it)."""
    provider, secret = Provider(), tmp_path / "oidc"
    secret.write_text(SECRET)
    async with serving(provider):
        settings = replace(
            lab._as("dashboard"), oidc_issuer=provider.issuer, oidc_client_id=CLIENT, oidc_roles="ops=operator",
            oidc_client_secret_file=secret, portal_url="https://portal", dashboard_url="https://cloud",
        )  # fmt: skip
        app = dashboard.create_app(settings, lab.clock, lab.app.state.services)
        async with app.router.lifespan_context(app):
            yield provider, await lab._client(app)


async def sign_in(provider: Provider, browser: httpx.AsyncClient) -> httpx.Response:
    sent = await browser.get("/v1/oidc/start")
    assert sent.status_code == 302, sent.text
    asked = parse_qs(urlsplit(sent.headers["location"]).query)
    provider.asked = {name: values[0] for name, values in asked.items()}
    assert provider.asked["redirect_uri"] == "https://cloud/v1/oidc/callback"
    return await browser.get("/v1/oidc/callback", params={"code": "c", "state": provider.asked["state"]})


async def test_a_person_of_a_group(lab, signing):
    provider, browser = signing
    answer = await sign_in(provider, browser)
    assert answer.status_code == 303, answer.text
    token = answer.headers["location"].removeprefix("https://portal/link/")
    redeem = "mutation ($t: String!) { signInWithLink(token: $t) { ... on SignedIn { me { name may } } } }"
    me = (await lab.ask(redeem, "", t=token)).only["me"]
    assert me == {"name": "user:operator", "may": ["OPERATE", "PUBLISH", "READ"]}


async def test_who_is_in_no_group_is_refused(lab, signing):
    provider, browser = signing
    provider.person["groups"] = ["staff"]
    assert (await sign_in(provider, browser)).status_code == 403
    assert await lab.rows("SELECT 1 FROM users") == []


async def test_anothers_answer_is_refused(lab, signing):
    provider, browser = signing
    answers = [await browser.get("/v1/oidc/callback", params={"code": "c", "state": "made-up"})]
    provider.key = ECKey.generate_key("P-256", {"kid": "one", "use": "sig"})
    good = provider.person | {}
    for forged in ({"aud": "another"}, {"iss": "https://evil"}, {"nonce": "old"}, {"exp": 1}):
        provider.person = good | forged
        answers.append(await sign_in(provider, browser))
    assert [answer.status_code for answer in answers] == [403] * 5, [answer.text for answer in answers]


def test_the_highest_role_counts():
    assert role_of(["a", "b"], "a=viewer, b=admin") == "admin"
    assert role_of("a", "a=viewer") == "viewer" and role_of(None, "a=viewer") is None
    assert role_of(["a"], "a=root") is None
