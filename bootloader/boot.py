"""`/boot.py`: the first of our code to run, at every start."""

from bootloader import spl

spl.run()
