"""`camera` of the virtual board: what board/camera.py uses of the micropython-camera-API; see `World.set_frames`."""

import sim
import vfs

_FPS = 15  # it runs freely


class PixelFormat:
    JPEG = 4


class FrameSize:
    VGA = 10


class GrabMode:
    LATEST = 1


class Camera:
    def __init__(self, *, pixel_format, frame_size, fb_count, grab_mode):
        self._host = vfs.VfsPosix(sim.world.frames)
        self._names = sorted(entry[0] for entry in self._host.ilistdir("/") if entry[0].endswith(".jpg"))
        if not self._names:
            raise OSError(19)  # ENODEV
        self._last = -1
        self.pixel_width, self.pixel_height = _size(self._read(0))

    def _number(self):
        return sim.now_us() * _FPS // 1_000_000

    def _read(self, number):
        file = self._host.open("/" + self._names[number % len(self._names)], "rb")
        data = file.read()
        file.close()
        return memoryview(data)

    def frame_available(self):
        return self._number() != self._last

    def capture(self):
        self._last = self._number()
        return self._read(self._last)

    def deinit(self):
        self._last = -1


def _size(jpeg):
    """(width, height) of the frame header, SOF0 to SOF2."""
    at = 2
    while jpeg[at + 1] not in (0xC0, 0xC1, 0xC2):
        at += 2 + (jpeg[at + 2] << 8 | jpeg[at + 3])
    return jpeg[at + 7] << 8 | jpeg[at + 8], jpeg[at + 5] << 8 | jpeg[at + 6]
