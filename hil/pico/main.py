# mypy: disable-error-code="import-not-found"
"""What the rig's Pico runs at its start; it stands at the root of its file system."""

from micropython import alloc_emergency_exception_buf

from hil.pico import rig

alloc_emergency_exception_buf(100)  # or an error in an interrupt could not say what it was
rig.run()
