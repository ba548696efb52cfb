"""What can go wrong on a bench, and whose fault it is.

    RigError
      RigFault      the bench can't be trusted: its link is lost, edges are missing, its clock is out of limits
      DeviceFault   the device did not do what was expected
      MisuseError   the test asked for what does not exist, or what this bench can't do

A test lets all three pass: a runner tells them apart by their class. No verdict follows from a RigFault.
"""


class RigError(Exception):
    """Any of the three below."""


class RigFault(RigError):
    """The bench can't be trusted; the text says why and what to look at."""


class DeviceFault(RigError, AssertionError):
    """The device did not do what was expected; the text shows what it did."""


class MisuseError(RigError, ValueError):
    """The test asked for what does not exist; `capability` is what a rig would need to have for it, or ""."""

    def __init__(self, text: str, capability: str = ""):
        super().__init__(text)
        self.capability = capability
