"""Power is cut at every flash operation of an update, and each time the device has to come back."""
