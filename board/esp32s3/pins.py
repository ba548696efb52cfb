"""Pin map of the ESP32-S3 board. GPIO numbers; keys and event line are RTC pins (0 to 21), as deep sleep needs."""

from micropython import const

PWR_SW1 = const(1)
PWR_SW2 = const(2)
PWR_SW4 = const(4)
USB_PRESENT = const(5)
CHARGER = const(6)

THERMISTOR = const(7)
I2C_ID = const(0)
I2C_SDA = const(8)
I2C_SCL = const(9)

LED_STATE = const(10)
LED_REC = const(11)
HAPTIC = const(12)
LOAD = const(13)

I2S_ID = const(0)
I2S_SCK = const(14)
I2S_WS = const(15)
I2S_SD = const(16)

SD_SLOT = const(2)
SD_SCK = const(39)  # not 33 to 37: octal PSRAM has those
SD_MISO = const(40)
SD_MOSI = const(38)
SD_CS = const(41)

WAKE_TO_CODE_MS = const(
    250
)  # assumed, wake edge to the first line of boot.py: to be measured on the hardware
