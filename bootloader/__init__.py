"""The power-up stage (SPL): small, its own copy on the flash, not updated with the app."""

# Made first, while the heap is in one piece: the slot check reads with it, and the recorder after that.
buffer = bytearray(4096)
