"""What is wired to which pin of the rig's Pico. Runs on MicroPython and CPython."""

SDA, SCL = 0, 1  # of the gauge's bus, I2C0

# GP2 to GP15 are watched, whoever drives them
CAPTURE_BASE, CAPTURE_COUNT = 2, 14
SIGNALS = {
    "PWR_SW1": 2,
    "PWR_SW2": 3,
    "PWR_SW4": 4,
    "LOOP_OUT": 5,
    "LOOP_IN": 6,
    "LED_STATE": 7,
    "LED_REC": 8,
    "HAPTIC": 9,
    "LOAD": 10,
    "SPARE": 11,
    "EN": 12,
    "POWER": 13,
    "USB": 14,
    "CHARGER": 15,
}

# what the rig does not drive; unconnected ones rest at 0
WATCHED = ("LOOP_IN", "LED_STATE", "LED_REC", "HAPTIC", "LOAD", "SPARE")

THERMISTOR = 16  # PWM, filtered
LOG_RX = 17  # UART0, from the device's TX
SDA_JAM, SCL_JAM = 18, 19  # tied to SDA and SCL: open-drain, to hold them low
LIVE_LED = 25  # the Pico's own; lit while a session runs
