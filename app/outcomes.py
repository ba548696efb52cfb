"""Why an update ends without a new version on trial.

UpdateError
  Refused       this release is not for this device: forged, damaged, for another board, too old. Final
  Failed        the device could not do it: storage full, slot not whole after writing. Final
  Deferred      not now: recording, battery, private. The job stays
  Interrupted   the server can't be reached, or talks nonsense. The job stays, and goes on where it was
  Withdrawn     the cloud has another job by now, or none
"""


class UpdateError(Exception):
    pass


class Refused(UpdateError):
    pass


class Failed(UpdateError):
    pass


class Deferred(UpdateError):
    pass


class Interrupted(UpdateError):
    pass


class Withdrawn(UpdateError):
    pass
