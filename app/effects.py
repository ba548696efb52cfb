"""What the states do on entry and exit, and what an effect of the transition table does."""

from app import states
from app.discharge import SHUTDOWN_MV


class Effects:
    """For `app.states.Machine`; the parts are those of an `app.main.App`."""

    def __init__(self, app):
        self._app = app

    def enter(self, state, effect, why):
        self._app.board.memory.update(state=state)
        self._app.online.event("transition", to=state, why=why)
        _ENTER[state](self, effect)

    def leave(self, state):
        """Also before a reset: the load is off, the recording is closed."""
        if state == states.RECORD and self._app.recorder:
            self._app.recorder.stop()
        elif state == states.DISCHARGE:
            self._app.discharge.stop()

    def act(self, effect):
        _ACT[effect](self)

    def _idle(self, effect):
        self.show()

    def _record(self, effect):
        app = self._app
        self.show()
        try:
            kind = "audio" if effect == "record_audio" else "normal"
            before = app.pre_event if app.pre_event and app.pre_event.hand_over() else None
            app.open_recorder().start(kind, app.device_id, app.versions, before)
        except (OSError, MemoryError) as error:
            app.recording_failed(f"recording could not start: {error}")

    def _discharge(self, effect):
        target = {"discharge_long": "long_target_mv", "discharge_short": "short_target_mv"}.get(effect)
        self._app.discharge.start(getattr(self._app.settings, target) if target else SHUTDOWN_MV)
        self.show()

    def _off(self, effect):
        app = self._app
        app.board.indicators.show(False, False)
        app.log.keep()
        app.board.power.off()

    def _reset(self, effect):
        self._app.restart("forced by key", states.IDLE)

    def _toggle_private(self):
        self._toggle("private")
        self.show()

    def _toggle_wifi(self):
        """Also the key of the local page. Without a network to join, WiFi is on for the page only."""
        settings, page = self._app.settings, self._app.open_page()
        on = not (settings.wifi_on if settings.wifi_ssid else page.is_open)
        self._switch("wifi_on", on)
        page.press(on)

    def _toggle(self, name):
        self._switch(name, not getattr(self._app.settings, name))

    def _switch(self, name, on):
        self._app.settings.change(name, on)
        self._app.log.info(f"{name} {'on' if on else 'off'}")

    def _toggle_mute(self):
        self._app.recorder.mute(self._app.machine.at_ms)
        self._app.log.info(f"mute {'on' if self._app.recorder.muted else 'off'}")

    def _bookmark(self):
        self._app.recorder.bookmark(self._app.machine.at_ms)

    def show(self):
        """The indicators of the state; dark in private mode."""
        dark = self._app.settings.private
        state = self._app.machine.state
        self._app.board.indicators.show(
            state == states.IDLE and not dark, state == states.RECORD and not dark
        )


_ENTER = {
    states.IDLE: Effects._idle,
    states.RECORD: Effects._record,
    states.DISCHARGE: Effects._discharge,
    states.OFF: Effects._off,
    states.RESET: Effects._reset,
}
_ACT = {
    "toggle_private": Effects._toggle_private,
    "toggle_wifi": Effects._toggle_wifi,
    "toggle_mute": Effects._toggle_mute,
    "bookmark": Effects._bookmark,
}
