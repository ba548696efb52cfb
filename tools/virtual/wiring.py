"""What is soldered to which pin of the virtual board. Runs on MicroPython and CPython.

The firmware has its own pin map (`board/virtual/pins.py`), as it has on any board; a test compares the two.
"""

KEYS = {1: "PWR_SW1", 2: "PWR_SW2", 4: "PWR_SW4"}
INPUTS = {5: "USB", 6: "CHARGER"}
OUTPUTS = {10: "LED_STATE", 11: "LED_REC", 12: "HAPTIC", 13: "LOAD"}
THERMISTOR_ADC = 7
I2C_SDA, I2C_SCL = 8, 9
I2S_SCK, I2S_WS, I2S_SD = 14, 15, 16

SIGNALS = dict(KEYS)
SIGNALS.update(INPUTS)
SIGNALS.update(OUTPUTS)

# NTC 10 k (beta 3950) to ground under a 10 k pull-up to 3.3 V
DIVIDER_UV = 3_300_000
DIVIDER_OHM = 10_000
NTC_OHM, NTC_BETA, NTC_KELVIN = 10_000, 3950, 298.15

# from the wake-up edge to the first line of boot.py: ROM loader, image check, MicroPython's own start
WAKE_TO_CODE_US = 250_000
