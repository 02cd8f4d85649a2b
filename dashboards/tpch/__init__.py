"""What the dashboard shows of TPC-H alone: the page of unshipped orders, and a chart for each query.

All other modules work for any business. Without this package, so does the dashboard of TPC-H.
"""

from dashboards.own import Own
from dashboards.tpch.orders import Orders
from dashboards.tpch.views import LOOK

OWN = Own((Orders,), LOOK, "TPC-H")
