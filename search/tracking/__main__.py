"""``python -m search.tracking FOLDER [URI]``: publish a sweep until it ends."""

import sys

from search.tracking.process import main

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
