"""What is seen of the services from outside: metrics, traces, logs, and whether they are ready."""
