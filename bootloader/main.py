"""`/main.py`: runs after boot.py came back, unless a host at the serial port holds the board in its raw REPL.

MicroPython runs both in one namespace: `guarded` is boot.py's.
"""


def start_app():
    from bootloader import start

    start.run()


guarded(start_app)  # type: ignore[name-defined]  # noqa: F821
