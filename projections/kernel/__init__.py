"""What views are declared with: `View`, its links, and merge rules for its folds. Pure.

It imports `domain.kernel` alone. View files and everything else in `projections` and `api` may import it.
"""

from projections.kernel.keys import by_stream
from projections.kernel.links import Link, ToMany, ToOne
from projections.kernel.view import View

__all__ = ["Link", "ToMany", "ToOne", "View", "by_stream"]
