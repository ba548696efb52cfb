"""The log's lines in memory: the last ones, whole, in order."""

import gc

from app.log import Log


def said(log, count, first=0):
    """What a log is told, numbered; the lines are of many lengths."""
    texts = ["%d %s" % (number, "ä" * (number % 70)) for number in range(first, first + count)]
    for text in texts:
        log.info(text)
    return texts


def without_time(log):
    return [line.split(" ", 1)[1] for line in log.lines()]


def test_lines_come_back_in_order():
    log = Log()
    assert log.lines() == []
    assert said(log, 10) == without_time(log)


def test_the_oldest_give_way_whole():
    log = Log()
    for count in range(1, 300):
        texts = said(log, 1, count)
    texts = ["%d %s" % (number, "ä" * (number % 70)) for number in range(1, 300)]
    kept = without_time(log)
    assert 10 < len(kept) < 299 and kept == texts[-len(kept) :]


def test_a_line_longer_than_all_is_shown_only():
    log = Log()
    said(log, 3)
    log.info("x" * 5000)
    assert len(log.lines()) == 3


def test_a_line_of_just_the_room_is_all_there_is():
    log = Log()
    said(log, 40)
    room = 2048 - len("0.000 \n")
    log.info("y" * (room - 40))
    assert without_time(log)[-1] == "y" * (room - 40)


def test_hours_of_lines_leave_memory_in_one_piece():
    log = Log()
    gc.collect()
    before = gc.mem_alloc()
    for number in range(500):
        log.info("discharge: %d mV at rest, target 3800 mV" % number)
    gc.collect()
    assert gc.mem_alloc() - before < 1024
