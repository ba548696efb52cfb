from app.discharge import Discharge


class Load:
    def __init__(self):
        self.duty_pct = 0

    def set(self, duty_pct):
        self.duty_pct = duty_pct

    def off(self):
        self.duty_pct = 0


class Log:
    def info(self, text):
        pass


def discharge(target_mv):
    load = Load()
    fired: list = []
    made = Discharge(load, fired.append, Log())
    made.start(target_mv)
    return made, load, fired


def run(made, seconds, vbat_mv=4000, temp_decic=560, start_s=0):
    for s in range(start_s, start_s + seconds):
        made.sample(s * 1000, vbat_mv, temp_decic)


def test_a_minute_on_and_a_minute_of_rest():
    made, load, fired = discharge(3800)
    duties = []
    for s in range(240):
        made.sample(s * 1000, 4000, 560)
        duties.append(load.duty_pct)
    assert duties == [100] * 60 + [0] * 60 + [100] * 60 + [0] * 60
    assert fired == []


def test_the_voltage_is_looked_at_after_the_rest_only():
    made, load, fired = discharge(3800)
    run(made, 120, vbat_mv=3700)  # it sags under the load
    assert fired == []
    made.sample(120_000, 3800, 560)
    assert fired == [("target reached",)] and load.duty_pct == 0


def test_3600_mv_ends_in_a_shutdown_whatever_the_target():
    for target_mv in (4000, 3600):
        made, load, fired = discharge(target_mv)
        run(made, 120)
        made.sample(120_000, 3600, 560)
        assert fired == [("target shutdown",)]
    made, load, fired = discharge(3600)
    run(made, 120)
    made.sample(120_000, 3601, 560)
    assert fired == [] and load.duty_pct == 100


def test_the_duty_is_halved_two_degrees_over_the_beginning():
    made, load, _ = discharge(3800)
    made.sample(0, 4000, 560)
    made.sample(1000, 4000, 579)
    assert load.duty_pct == 100
    made.sample(2000, 4000, 580)
    assert load.duty_pct == 50


def test_80_degrees_turn_the_load_off():
    made, load, fired = discharge(3800)
    made.sample(0, 4000, 790)
    assert load.duty_pct == 100
    made.sample(1000, 4000, 800)
    assert load.duty_pct == 0 and fired == [("load too hot",)]


def test_a_fault_turns_the_load_off_until_a_rest_is_over():
    made, load, _ = discharge(3800)
    run(made, 10)
    made.fault(10_000)
    assert load.duty_pct == 0
    run(made, 59, start_s=11)
    assert load.duty_pct == 0
    run(made, 2, start_s=70)
    assert load.duty_pct == 100


def test_a_fault_before_the_first_sample_delays_the_load():
    made, load, _ = discharge(3800)
    made.fault(0)
    run(made, 60, start_s=1)
    assert load.duty_pct == 100
