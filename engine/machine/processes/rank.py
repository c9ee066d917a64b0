"""Which process of several this is, as torchrun's environment variables tell. Free of torch."""

import os


def is_one_of_several() -> bool:
    """Whether torchrun has started this process beside others."""
    return int(os.environ.get("WORLD_SIZE", "1")) > 1


def is_follower() -> bool:
    """Whether another process than this one writes the run and speaks to the person."""
    return is_one_of_several() and os.environ.get("RANK", "0") != "0"


def local_rank() -> int:
    """This process's number on its machine, which is the number of its GPU."""
    return int(os.environ.get("LOCAL_RANK", "0"))
