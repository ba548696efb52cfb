"""Fault codes of the sensors: stable, so that a person can look up what a log or a heartbeat says.

G: the gauge, B: the bus it is on, T: the thermistor.
"""

from board.errors import SensorError

# code: (what it is, what to do)
TABLE = {
    "B01": ("I2C: SDA is held low", "cut the power of board and cell; if it stays, look for a short at SDA"),
    "B02": ("I2C: SCL is held low", "cut the power of board and cell; if it stays, look for a short at SCL"),
    "B03": ("I2C: a transfer broke off", "look at pull-ups, wiring and noise of the bus"),
    "G01": ("gauge: no answer", "check that the cell is in and the gauge is soldered: it lives on the cell"),
    "G02": ("gauge: another part is at its address", "fit a MAX17048 or a BQ27427"),
    "G03": ("gauge: it reads as all zeros or all ones", "cut its power; if it stays, replace the gauge"),
    "G04": ("gauge: a voltage that no cell has", "measure the cell; if it is good, replace the gauge"),
    "G05": ("gauge: the voltage jumped", "check the cell's contacts"),
    "G06": ("gauge: the value stands still", "cut its power; if it stays, replace the gauge"),
    "T01": ("thermistor: open", "check the thermistor's connector and wires"),
    "T02": ("thermistor: short", "check the thermistor's wires for a short"),
    "T03": ("thermistor: the temperature jumped", "check the thermistor's connector"),
}


def fault(code, detail):
    """The SensorError of a code of the table; `detail` says with which value."""
    return SensorError(f"{code} {TABLE[code][0]}: {detail}", code)
