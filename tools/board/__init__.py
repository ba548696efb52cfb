"""Onto a real board by its serial port: flash, provision, doctor, log, recover. A virtual board has it, too."""
