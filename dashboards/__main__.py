"""`python -m dashboards` serves the dashboard.

Everything but the call belongs in `dashboards.app`.
"""

import signal

if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.SIG_DFL)  # Ctrl-C while this imports shows no traceback.
    from dashboards.app import main

    main()
