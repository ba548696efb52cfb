"""What was lived, under the results of the run."""

from tests.properties.lived import LIVED


def pytest_terminal_summary(terminalreporter, config) -> None:
    if LIVED not in config.stash:
        return
    lived, took_s = config.stash[LIVED]
    states = ", ".join(f"{state} {hours:.0f} h" for state, hours in lived.state_h.most_common() if hours >= 1)
    terminalreporter.write_line(
        f"{lived.hours:.0f} hours of {lived.lives} random lives in {took_s:.0f} s: {lived.boots} starts, {states}"
    )
    if config.option.verbose > 0:
        for (source, trigger, target), count in sorted(lived.ways.items()):
            terminalreporter.write_line(f"  {count:6d} x {source} -> {target} ({trigger})")
