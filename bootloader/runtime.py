"""The trial of a MicroPython image: a part of the boot record, and its own count beside ESP-IDF's.

    label             partition that is on trial
    previous          the one to go back to
    tries_left        starts of it that remain
    switched          a try was counted, and otadata told: the start of `label` that comes now is the one
    backs_left        tries to go back that remain
    security_version  its release's, to become the floor

The record is written first, then otadata, then comes the reset: from a power cut between any two of them the next
start goes on by what the record says and what runs. So no two changes need to be one.
"""

from bootloader import bootctl, decide


def is_valid(trial):
    """Whether that part of a record is one."""
    return type(trial) is dict and all(is_right(trial.get(name)) for name, is_right in _FIELDS)


def start_trial(record, label, previous, security_version, release):
    """`label` is to be tried, from the next start on. ValueError if a trial is not over."""
    bootctl.refuse_second_trial(record)
    trial = {
        "label": label, "previous": previous, "tries_left": bootctl.TRIES, "switched": False,
        "backs_left": bootctl.TRIES, "security_version": security_version,
    }  # fmt: skip
    return bootctl.changed(record, runtime=trial, release=release, reason="")


def next_start(record, running):
    """(label that should run, record to save before it does) of a record with a trial; `running` does now."""
    trial = record["runtime"]
    if running != trial["label"]:
        if trial["tries_left"]:
            return trial["label"], _with(record, tries_left=trial["tries_left"] - 1, switched=True)
        return running, _over(record, record["reason"] or _untested(trial))
    if trial["switched"]:
        return running, _with(record, switched=False)
    if trial["tries_left"]:  # it started again, by itself or by its watchdog
        return running, _with(record, tries_left=trial["tries_left"] - 1)
    if trial["backs_left"]:
        return trial["previous"], _with(record, backs_left=trial["backs_left"] - 1)
    reason = record["reason"] or _untested(trial)
    return running, _over(record, reason, f"{trial['previous']} does not start any more")


def confirm(record):
    """The image on trial runs, and is good."""
    floor = max(record["runtime_floor"], record["runtime"]["security_version"])
    return bootctl.changed(record, runtime=None, runtime_floor=floor, reason="")


def give_up(record, reason):
    """No further try: the next start goes back."""
    return bootctl.changed(_with(record, tries_left=0, switched=False), reason=reason[: bootctl.MAX_TEXT])


def settle(board, state, record, root=""):
    """For the SPL, where the record has a trial: go on with it, which may end in a reset.

    A recording and a discharge are not put off for a first look at a new image.
    """
    runtime = board.runtime
    label, after = next_start(record, runtime.label)
    if label == record["runtime"]["label"] != runtime.label and state != decide.IDLE:
        return
    if after["runtime"]:
        bootctl.save(after, root)
    else:
        _end(runtime, after, root)
    if label != runtime.label:
        _go_to(board, label, after, root)


def leave(board, record, reason, root=""):
    """For the SPL: if the image on trial runs, it goes back now."""
    if board.runtime.label == record["runtime"]["label"]:
        bootctl.save(give_up(record, reason), root)
        board.power.reset()


def _go_to(board, label, record, root):
    try:
        board.runtime.start_next(label)
    except OSError as error:
        _end(board.runtime, _over(record, record["reason"], f"{label} can't be started: {error}"), root)
        return
    print("spl: runtime", label, "is next")
    board.power.reset()


def _end(runtime, record, root):
    """What runs stays. It is said to otadata first: until both know, each start comes here again."""
    try:
        runtime.keep()
    except OSError as error:
        print("spl: otadata:", error)
    bootctl.save(record, root)


def _untested(trial):
    return f"the runtime in {trial['label']} was not confirmed in {bootctl.TRIES} tries"


def _over(record, reason, more=""):
    """The record of a trial that ended without the image on trial being confirmed."""
    if more and reason:
        reason = f"{reason[: bootctl.MAX_TEXT - len(more) - 2]}; {more}"
    return bootctl.changed(record, runtime=None, reason=(reason or more)[: bootctl.MAX_TEXT])


def _with(record, **changes):
    return bootctl.changed(record, runtime=bootctl.changed(record["runtime"], **changes))


def _is_label(value):
    """Of a partition: ESP-IDF has room for 16 characters."""
    return type(value) is str and 0 < len(value) <= 16


def _is_count(value):
    return type(value) is int and value >= 0


_FIELDS = (
    ("label", _is_label),
    ("previous", _is_label),
    ("tries_left", lambda v: _is_count(v) and v <= bootctl.TRIES),
    ("switched", lambda v: type(v) is bool),
    ("backs_left", lambda v: _is_count(v) and v <= bootctl.TRIES),
    ("security_version", _is_count),
)
