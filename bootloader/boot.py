"""`/boot.py`: the first of our code to run, at every start."""

from bootloader import spl

spl.run()
del spl  # it leaves memory once the app comes
