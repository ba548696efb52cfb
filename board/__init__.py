"""The hardware: one driver a file, one folder a board. Nothing above this package knows a pin or imports `machine`."""
