"""MQTT topics and job words, in the one form that device and cloud both use. Runs on MicroPython and CPython."""

VERSION = 1
PREFIX = "fieldrec/v1"

# name on the wire: who publishes it, whether the broker retains it
TOPICS = {
    "presence": ("device", True),
    "heartbeat": ("device", False),
    "events": ("device", False),
    "jobs/get": ("device", False),
    "jobs/notify": ("cloud", False),
    "jobs/+/update": ("device", False),
    "commands/+": ("cloud", False),
    "commands/+/result": ("device", False),
    "config/desired": ("cloud", True),
    "config/reported": ("device", True),
}

# AWS IoT Jobs' words
QUEUED = "QUEUED"
IN_PROGRESS = "IN_PROGRESS"
SUCCEEDED = "SUCCEEDED"
FAILED = "FAILED"
TIMED_OUT = "TIMED_OUT"
REJECTED = "REJECTED"
REMOVED = "REMOVED"
CANCELED = "CANCELED"
ENDED = (SUCCEEDED, FAILED, TIMED_OUT, REJECTED, REMOVED, CANCELED)

# a command's status is one of SUCCEEDED, FAILED, REJECTED, TIMED_OUT, CANCELED, or QUEUED before
COMMANDS = ("reboot", "identify", "rotate-cert", "send-log")

# in front of the certificate request that a device signs with the key that it has from the factory
FACTORY_CONTEXT = b"fieldrec enrolment\0"

# set at the device alone: a mistake from afar would cut it off, or end what its owner wants to be private
LOCAL_SETTINGS = ("wifi_on", "wifi_ssid", "wifi_key", "private")

# a job's message may bring a "trace", as long as this; a device that can gives it back with each report of the job
TRACE_CHARS = 55  # https://www.w3.org/TR/trace-context/#traceparent-header

STEPS = ("downloading", "verifying", "installed", "trial", "confirmed", "reverted")


def topic(device_id, name):
    """The full topic of `name` (a key of TOPICS, with `+` filled in) for one device."""
    return "/".join((PREFIX, device_id, name))


def parse(full):
    """(device_id, name) of a full topic; (None, None) if it is not one of ours."""
    head, _, rest = full[len(PREFIX) + 1 :].partition("/")
    if not full.startswith(PREFIX + "/") or not head or not rest:
        return None, None
    return head, rest
