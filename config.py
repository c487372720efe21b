"""pyinfra's configuration, read from the project's root before the inventory."""

from pyinfra.context import config, state

config.REQUIRE_PYINFRA_VERSION = ">=3.10,<3.11"  # tests/contract says what of it we rely on
config.FAIL_PERCENT = 0

# `-y` alone would turn change detection off, and a plan made with it would look empty.
state.check_for_changes = True
