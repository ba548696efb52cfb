"""`main.py` where the loader is frozen; MicroPython runs it in the namespace of boot.py."""

if has_files():  # type: ignore[name-defined]  # noqa: F821
    from bootloader import start

    guarded(start.run)  # type: ignore[name-defined]  # noqa: F821
