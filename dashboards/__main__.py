"""`python -m dashboards` serves the dashboard."""

from dashboards.app import main

if __name__ == "__main__":
    main()
