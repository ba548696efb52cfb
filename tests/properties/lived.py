"""The name under which a test keeps what was lived, for the summary of the run."""

LIVED = "random lives"
