"""`python -m serving` serves the champion.

Everything but the call belongs in `serving.app`.
"""

import os
import signal

if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.SIG_DFL)  # Ctrl-C while this imports shows no traceback.
    # One row is a tenth of a millisecond's work. Threads that wait for more of it keep other requests' core busy.
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    from serving.app import main

    main()
