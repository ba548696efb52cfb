from bootloader.decide import DISCHARGE, HOLD_MS, IDLE, OFF, RECORD, Inputs, decide


def inputs(
    cause="wake", wake="PWR_SW1", vbat_mv=3900, temp_decic=250, held_ms=0, down=True, fault="", **more
):
    result = Inputs(cause, wake, **more)
    result.vbat_mv, result.temp_decic, result.fault = vbat_mv, temp_decic, fault
    result.held_ms, result.down = held_ms, down
    return result


def row(**known):
    decision = decide(inputs(**known))
    return decision and decision[:2]


def test_nothing_is_decided_while_a_key_is_held_too_short():
    assert row(held_ms=0) is None
    assert row(held_ms=1499) is None
    assert row(wake="PWR_SW2", held_ms=999) is None


def test_holds_at_their_bounds():
    assert row(held_ms=1499, down=False) == (5, OFF)
    assert row(held_ms=1500, down=False) == (7, IDLE)
    assert row(held_ms=1500) == (7, IDLE)
    assert row(wake="PWR_SW2", held_ms=999, down=False) == (6, OFF)
    assert row(wake="PWR_SW2", held_ms=1000) == (8, RECORD)


def test_battery_and_heat_at_their_bounds():
    assert row(vbat_mv=3400, held_ms=1500) == (3, OFF)
    assert row(vbat_mv=3401, held_ms=1500) == (7, IDLE)
    assert row(temp_decic=550, held_ms=1500) == (3, OFF)
    assert row(temp_decic=549, held_ms=1500) == (7, IDLE)


def test_event_line():
    assert row(wake="PWR_SW4", temp_decic=550, vbat_mv=3601) == (2, DISCHARGE)
    assert row(wake="PWR_SW4", temp_decic=550, vbat_mv=3600) == (3, OFF)
    assert row(wake="PWR_SW4", temp_decic=549, vbat_mv=3601) == (4, OFF)


def test_a_fault_decides_before_all_else():
    assert row(fault="gauge: no answer", wake="PWR_SW4", temp_decic=900) == (1, OFF)
    assert row(fault="thermistor: open", held_ms=1500) == (1, OFF)


def test_starts_without_a_key():
    assert row(cause="power-on", wake="") == (9, OFF)
    assert row(cause="power-on", wake="", external=True) == (9, IDLE)
    assert row(cause="soft reset", wake="") == (9, IDLE)
    for cause in ("reset", "watchdog"):
        for kept, state in (("IDLE", IDLE), ("RECORD", IDLE), ("DISCHARGE", IDLE), ("OFF", OFF), ("", OFF)):
            assert row(cause=cause, wake="", kept_state=kept) == (9, state), (cause, kept)
    assert row(wake="timer") == (9, OFF)


def test_a_restart_is_checked_like_any_start():
    assert row(cause="watchdog", wake="", kept_state="IDLE", vbat_mv=3400) == (3, OFF)


def test_every_wake_of_a_key_has_a_threshold():
    assert sorted(HOLD_MS) == ["PWR_SW1", "PWR_SW2"]
