"""Runs one service: `python -m cloud.serve registration`, with its settings in the environment.

Beside what uvicorn does, a client may show a certificate of our CA; its DER is `request.state.client_certificate`.
"""

import argparse
import importlib
import os
import ssl

import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol

from cloud.observe import logs, tracing
from cloud.settings import Settings

GOODBYE_S = 0.5


class Protocol(H11Protocol):
    def connection_made(self, transport) -> None:
        super().connection_made(transport)
        tls = transport.get_extra_info("ssl_object")
        self.app_state = {**self.app_state, "client_certificate": tls.getpeercert(True) if tls else None}

    def shutdown(self) -> None:
        """An idle client need not say goodbye: TLS would wait for that as long as the stop may take."""
        super().shutdown()
        if self.transport.is_closing():
            self.loop.call_later(GOODBYE_S, self.transport.abort)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("service", help="a package of cloud with an app")
    service = parser.parse_args().service
    settings = Settings.from_env(os.environ)
    logs.start(service)
    tracing.start(service, settings.traces_url, settings.traces_share, settings.instance)
    app = importlib.import_module(f"cloud.{service}.app").create_app(settings)
    uvicorn.run(
        app,
        host=settings.listen,
        port=getattr(settings, f"{service}_port"),
        http=Protocol,
        ws="websockets-sansio",  # the other one is of a library that is given up
        ssl_certfile=settings.tls_cert,
        ssl_keyfile=settings.tls_key,
        ssl_ca_certs=str(settings.ca_cert),
        ssl_cert_reqs=ssl.CERT_OPTIONAL,
        server_header=False,
        log_config=None,  # of cloud/observe/logs.py
        timeout_graceful_shutdown=settings.grace_s,
    )


if __name__ == "__main__":
    main()
