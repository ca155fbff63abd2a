"""Charts drawn on the server as accessible SVG, for pages and for PDF reports.

Each function returns a frozen `Chart`: the drawing, its title and description in words, and its data as a table. A
chart carries classes and no colours, so that it follows the light and the dark theme; `palette="print"` writes colours
and fonts as attributes instead, for typst. Values that were not measured (None, NaN) are left out of the drawing and
named in the table; without any value the drawing says "No data yet". The same arguments give the same bytes.
"""

from core.charts.bars import bar_chart, histogram
from core.charts.interval import interval_chart
from core.charts.line import Mark, Series, line_chart, sparkline
from core.charts.svg import Chart, Table

__all__ = ["Chart", "Mark", "Series", "Table", "bar_chart", "histogram", "interval_chart", "line_chart", "sparkline"]
