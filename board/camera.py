"""A camera that gives JPEG frames. Stock MicroPython has none: it takes one built with a `camera` module.

Of that module is used, as in the micropython-camera-API: `Camera(pixel_format=PixelFormat.JPEG,
frame_size=FrameSize.VGA, fb_count=2, grab_mode=GrabMode.LATEST, ...)`, its `pixel_width`, `pixel_height`,
`frame_available()`, `capture()` (a view of the newest frame, valid until the next call) and `deinit()`. OSError if
no sensor answers.
"""

from micropython import const

_FPS = const(8)  # one frame an eighth of a second of sound: what an SD card on SPI takes at this size
_MOST_BYTES = const(262_144)
_JPEG = b"\xff\xd8"


def open_camera(pins):
    """The camera; None without a module for it or without a sensor."""
    try:
        import camera  # type: ignore[import-not-found]
    except ImportError:
        return None
    try:
        return Camera(camera, getattr(pins, "CAMERA", {}))
    except OSError:
        return None


class Camera:
    """`width`, `height` and `fps` of its frames."""

    fps = _FPS

    def __init__(self, module, pins):
        """`pins`: the module's own names for them, and their GPIO numbers."""
        self._module, self._pins = module, pins
        self._frame = None
        self.start()
        self.width, self.height = self._sensor.pixel_width, self._sensor.pixel_height
        self.stop()

    def start(self):
        module = self._module
        self._sensor = module.Camera(
            pixel_format=module.PixelFormat.JPEG, frame_size=module.FrameSize.VGA, fb_count=2,
            grab_mode=module.GrabMode.LATEST, **self._pins,
        )  # fmt: skip

    def frame(self):
        """The newest JPEG, valid until the next call; the one before if there is no newer; None before the first."""
        if self._sensor.frame_available():
            frame = self._sensor.capture()
            if frame and frame[:2] == _JPEG and len(frame) <= _MOST_BYTES:
                self._frame = frame
        return self._frame

    def stop(self):
        """Let it sleep."""
        if self._sensor:
            self._sensor.deinit()
        self._sensor = self._frame = None
