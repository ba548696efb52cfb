"""The label of a device: its name, its PIN and both as a QR code, as PNG or PDF by the file's ending.

40 x 20 mm at 300 dpi, black on white, for a label printer.
"""

from pathlib import Path

import segno
from PIL import Image, ImageDraw, ImageFont

_DPI = 300
_SIZE = (472, 236)  # 40 x 20 mm
_MARGIN = 12
_KINDS = {".png": "PNG", ".pdf": "PDF"}
_TEXTS = ((26, 22), (70, 34), (140, 22), (172, 40))  # (top, size of letters) of each line


def check(path: Path) -> None:
    """ValueError unless it is a name for a label: to be asked before a PIN is made."""
    if path.suffix.lower() not in _KINDS:
        raise ValueError(f"{path}: a label is a .png or a .pdf")
    if not path.parent.is_dir():
        raise ValueError(f"{path.parent} is no folder")


def content(device_id: str, pin: str) -> str:
    """What the code holds: a phone that reads it joins the device's access point (app/page), once that is open."""
    ssid = f"fieldrec-{device_id}"[:32]
    return f"WIFI:T:WPA;S:{ssid};P:{pin};;"


def write(path: Path, device_id: str, pin: str) -> None:
    """ValueError for another ending."""
    check(path)
    image = Image.new("L", _SIZE, 255)
    side = _code(image, content(device_id, pin))
    draw = ImageDraw.Draw(image)
    room = _SIZE[0] - side - 2 * _MARGIN
    for (top, size), text in zip(_TEXTS, ("Fieldrec", device_id, "PIN", f"{pin[:4]} {pin[4:]}"), strict=True):
        draw.text((side + _MARGIN, top), text, fill=0, font=_font(draw, text, size, room))
    path.touch(mode=0o600)  # the PIN is for who holds the label
    image.save(path, _KINDS[path.suffix.lower()], **_options(path))


def _options(path: Path) -> dict:
    return {"resolution": _DPI} if path.suffix.lower() == ".pdf" else {"dpi": (_DPI, _DPI)}


def _code(image: Image.Image, text: str) -> int:
    """Put the code at the left, as large as it goes in whole dots; its side."""
    code = segno.make_qr(text, error="m")
    rows = [list(row) for row in code.matrix_iter(border=4)]
    scale = _SIZE[1] // len(rows)
    side = scale * len(rows)
    top = (_SIZE[1] - side) // 2
    draw = ImageDraw.Draw(image)
    for y, row in enumerate(rows):
        for x, dark in enumerate(row):
            if dark:
                corner = (x * scale, top + y * scale)
                draw.rectangle((*corner, corner[0] + scale - 1, corner[1] + scale - 1), fill=0)
    return side


def _font(draw: ImageDraw.ImageDraw, text: str, size: int, room: int):
    """As large as asked, or smaller, so that the text fits."""
    font = ImageFont.load_default(size)
    while size > 8 and draw.textlength(text, font=font) > room:
        size -= 1
        font = ImageFont.load_default(size)
    return font
