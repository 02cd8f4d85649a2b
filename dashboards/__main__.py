"""`python -m dashboards` serves the dashboard.

Everything but the call belongs in `dashboards.app`.
"""

from dashboards.app import main

if __name__ == "__main__":
    main()
