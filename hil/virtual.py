"""The rig of a virtual board: the world is told, and time passes only while a test waits."""

from tools.virtual.board import VirtualBoard


class VirtualRig:
    """A `hil.rig.Rig`; `board` is there for what only a simulation can tell."""

    def __init__(self, board: VirtualBoard):
        self.board = board

    def press(self, key: str, ms: float, bounce: bool = False) -> None:
        self.board.do("press", key, ms, bounce)

    def hold(self, key: str) -> None:
        self.board.do("hold", key)

    def release(self, key: str) -> None:
        self.board.do("release", key)

    def battery_mv(self, mv: int) -> None:
        self.board.do("battery_mv", mv)

    def temp_c(self, c: float) -> None:
        self.board.do("temperature_c", c)

    def host_present(self, present: bool) -> None:
        self.board.do("hold" if present else "release", "USB")

    def gauge_fault(self, kind: str) -> None:
        self.board.do("set_gauge_fault", kind)

    def cut_power(self) -> None:
        self.board.cut_power()

    def restore_power(self) -> None:
        self.board.power_on()

    def wait(self, ms: float) -> None:
        self.board.run_for(ms)

    def expect(self, signal: str, value: int, within_ms: float) -> None:
        pins = self.board.pins
        self.board.run_until(lambda: pins.get(signal, 0) == value, within_ms, f"{signal} = {value}")

    def expect_line(self, text: str, within_ms: float) -> str:
        return self.board.expect_line(text, within_ms)

    def close(self) -> None:
        self.board.close()
