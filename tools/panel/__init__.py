"""The panel of a virtual board: a page in the browser."""
