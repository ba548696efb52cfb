"""Modules leave memory when they have done their work: MicroPython keeps for good what was imported."""

import sys


def unload(*names):
    """Give back the memory of modules, by their full names, once nobody uses them."""
    for name in names:
        sys.modules.pop(name, None)
        package, _, module = name.rpartition(".")
        parent = sys.modules.get(package)
        if hasattr(parent, module):
            delattr(parent, module)
