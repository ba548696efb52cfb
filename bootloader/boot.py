"""`/boot.py`: the first of our code to run, at every start."""


def guarded(stage):
    """Run a stage of the loader. If it fails, a person at the serial port has 10 s, and then there is a reset.

    The loader may have come to an image of MicroPython that can't run it: nothing has been armed that would end that,
    and a reset lets ESP-IDF's second stage take the image back.
    """
    try:
        stage()
    except Exception as error:  # noqa: BLE001  # whatever it is
        import sys
        from time import sleep

        import machine  # board/ may be what can't be imported

        sys.print_exception(error)
        sleep(10)
        machine.reset()


def power_up():
    from bootloader import spl

    spl.run()


guarded(power_up)
