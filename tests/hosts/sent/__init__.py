"""Scripts that run on a host, sent by their source: `run(task)`, standard library alone."""
