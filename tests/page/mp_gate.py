"""PIN, lock-out, sessions and tokens, without a network."""

from app.web import gate
from app.web.gate import Gate, Refused

PIN = "20250731"


now_ms = 0


def opened():
    gate.uptime.ms = lambda: now_ms
    made = Gate(PIN)
    made.hosts = ("192.168.4.1", "fieldrec.local")
    return made


def refused(function, *arguments):
    try:
        function(*arguments)
    except Refused as error:
        return error
    raise AssertionError("it was not refused")


def test_the_pin_gives_a_session_and_its_token():
    made = opened()
    token, csrf = made.sign_in(PIN)
    assert len(token) == len(csrf) == 32 and token != csrf
    assert made.csrf(token) == csrf
    for other in ("", token[:-1], csrf, token + "0"):
        assert made.csrf(other) == ""


def test_what_is_no_pin_is_wrong():
    for pin in ("", PIN[:-1], PIN + "1", 20250731, None, ["2"]):
        assert refused(opened().sign_in, pin).status == 401


def test_five_wrong_pins_lock_for_ten_minutes_whoever_sent_them():
    global now_ms
    made = opened()
    assert [refused(made.sign_in, "0").fields["tries_left"] for _ in range(5)] == [4, 3, 2, 1, 0]
    assert refused(made.sign_in, PIN).status == 429 and made.locked_s() == 600
    now_ms = 599_999
    assert refused(made.sign_in, PIN).fields["locked_s"] == 1
    now_ms = 600_000
    assert made.locked_s() == 0 and made.sign_in(PIN)


def test_the_right_pin_begins_the_count_anew():
    made = opened()
    for _ in range(3):
        for _ in range(4):
            refused(made.sign_in, "0")
        made.sign_in(PIN)


def test_sessions_are_three_at_most_and_can_be_ended():
    made = opened()
    tokens = [made.sign_in(PIN)[0] for _ in range(4)]
    assert [bool(made.csrf(token)) for token in tokens] == [False, True, True, True]
    made.sign_out(tokens[1])
    assert not made.csrf(tokens[1]) and made.csrf(tokens[2])


def test_only_our_names_are_answered():
    made = opened()
    for host in ("192.168.4.1", "192.168.4.1:80", "Fieldrec.local"):
        made.check(host, "GET", True, "", "")
    for host in ("", "evil.example", "192.168.4.1.evil.example", "fieldrec.local.", "192.168.4.11"):
        assert refused(made.check, host, "GET", True, "", "").status == 421


def test_a_session_is_needed_and_its_token_for_what_changes():
    made = opened()
    token, csrf = made.sign_in(PIN)
    host = "fieldrec.local"
    assert refused(made.check, host, "GET", False, "", "").status == 401
    made.check(host, "GET", False, token, "")
    for method in ("POST", "post", "PUT", "DELETE"):
        assert refused(made.check, host, method, False, token, "").status == 403
        assert refused(made.check, host, method, False, token, made.hello).status == 403
        made.check(host, method, False, token, csrf)


def test_signing_in_needs_the_pages_own_token():
    made = opened()
    assert refused(made.check, "fieldrec.local", "POST", True, "", "").status == 403
    made.check("fieldrec.local", "POST", True, "", made.hello)
