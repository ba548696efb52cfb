"""Run the `test_*` functions of one file inside MicroPython; one JSON line a test on stdout.

Usage: micropython mp_runner.py FILE [NAME ...]
"""

import io
import json
import sys


def main(path, names):
    namespace = {"__name__": "__test__", "__file__": path}
    with open(path) as source:
        exec(compile(source.read(), path, "exec"), namespace)
    for name in names or sorted(n for n in namespace if n.startswith("test_")):
        error = None
        try:
            namespace[name]()
        except Exception as exc:  # noqa: BLE001  # reported to the caller, test by test
            text = io.StringIO()
            sys.print_exception(exc, text)
            error = text.getvalue()
        print("\x1e" + json.dumps({"test": name, "error": error}))


sys.path.pop(0)  # the folder of this file, whose sub-folders would hide packages of the same name
main(sys.argv[1], sys.argv[2:])
