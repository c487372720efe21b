"""The order of elements as a value: pure, immutable, and the only place where numbers come from."""

from story_services.common.order.blocks import arrange_blocks
from story_services.common.order.errors import (
    BadRefs,
    BehindItself,
    BrokenOrder,
    DuplicateNumbers,
    MissingPages,
    NumberOutOfRange,
    OrderError,
    UnknownRefs,
)
from story_services.common.order.history import reordered, revert
from story_services.common.order.pages import (
    Encoded,
    decode,
    encode,
    load,
    missing_pages,
    page_ids,
)
from story_services.common.order.root import Root
from story_services.common.order.space import Space, diff

__all__ = [
    "BadRefs",
    "BehindItself",
    "BrokenOrder",
    "DuplicateNumbers",
    "Encoded",
    "MissingPages",
    "NumberOutOfRange",
    "OrderError",
    "Root",
    "Space",
    "UnknownRefs",
    "arrange_blocks",
    "decode",
    "diff",
    "encode",
    "load",
    "missing_pages",
    "page_ids",
    "reordered",
    "revert",
]
