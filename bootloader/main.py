"""`/main.py`: runs after boot.py came back, unless a host at the serial port holds the board in its raw REPL."""

from bootloader import start

start.run()
