# mypy: ignore-errors
# (it runs inside MicroPython, in the place of its modules)
"""An assembler of PIO programs for the simulation, from the RP2040 datasheet's table of instructions (3.4)."""

_SOURCES = {"pins": 0, "x": 1, "y": 2, "null": 3, "pindirs": 4, "isr": 6, "osr": 7}
_CONDITIONS = {"not_x": 1, "x_dec": 2, "not_y": 3, "y_dec": 4, "x_not_y": 5, "pin": 6, "not_osre": 7}
_BLOCK, _NOBLOCK = 0x20, 0x40  # of pull and push; 0x40 stands for none of both here, and is taken off
_INVERT = 0x08


class _Name:
    """A word of the language, with the number that it has in each place."""

    def __init__(self, name, inverted=False):
        self.name, self.inverted = name, inverted

    def source(self):
        return _SOURCES[self.name] | (_INVERT if self.inverted else 0)


class _Delay:
    """What an instruction returns, so that `[n]` can follow it."""

    def __init__(self, words):
        self._words = words

    def __getitem__(self, cycles):
        if not 0 <= cycles < 32:
            raise ValueError(f"a delay of {cycles} cycles, at most 31 can be")
        self._words[-1] |= cycles << 8
        return self


class Program:
    """Machine code with what a state machine needs to know of it."""

    def __init__(self, name, options):
        self.name, self.options = name, options
        self.words = []
        self.first, self.last = 0, None
        self._labels = {}

    def assemble(self, function):
        """Run the function twice: the first run finds the labels."""
        names = function.__globals__
        before = dict(names)
        names.clear()  # as MicroPython's own: a program sees nothing but the language
        names.update(self._language())
        for _ in range(2):
            self.words.clear()
            function()
        names.clear()
        names.update(before)
        if self.last is None:
            self.last = len(self.words) - 1
        if len(self.words) > 32:
            raise ValueError(f"{self.name} has {len(self.words)} instructions, 32 fit")
        return self

    def _language(self):
        language = {name: _Name(name) for name in list(_SOURCES) + list(_CONDITIONS)}
        own = ("wrap_target", "wrap", "label", "jmp", "in_", "out", "push", "pull", "mov", "set")
        for name in own:
            language[name] = getattr(self, name)
        language.update({"invert": lambda name: _Name(name.name, True), "block": _BLOCK, "noblock": _NOBLOCK})
        return language

    def _add(self, word):
        self.words.append(word)
        return _Delay(self.words)

    def wrap_target(self):
        self.first = len(self.words)

    def wrap(self):
        self.last = len(self.words) - 1

    def label(self, name):
        self._labels[name] = len(self.words)

    def jmp(self, condition, label=None):
        number = 0 if label is None else _CONDITIONS[condition.name]
        return self._add(number << 5 | self._labels.get(condition if label is None else label, 0))

    def in_(self, source, count):
        return self._add(0x4000 | source.source() << 5 | count & 31)

    def out(self, target, count):
        return self._add(0x6000 | target.source() << 5 | count & 31)

    def push(self, how=_BLOCK):
        return self._add(0x8000 | how & _BLOCK)

    def pull(self, how=_BLOCK):
        return self._add(0x8080 | how & _BLOCK)

    def mov(self, target, source):
        return self._add(0xA000 | target.source() << 5 | source.source())

    def set(self, target, value):
        return self._add(0xE000 | target.source() << 5 | value)
