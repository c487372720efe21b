"""A run that connects and does nothing: what every pyinfra run costs before its first look."""
