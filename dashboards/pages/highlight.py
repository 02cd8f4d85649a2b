"""Code with its words, strings and comments in colours of their own. The colours are in static/page.css."""

from functools import lru_cache

from pygments import highlight
from pygments.formatters import HtmlFormatter
from pygments.lexers import get_lexer_by_name

_FORMAT = HtmlFormatter(nowrap=True)


@lru_cache(256)
def highlighted(code: str, language: str = "sql") -> str:
    """Code as HTML that scrolls sideways, by keyboard too.

    Args:
        language: As Pygments calls it.
    """
    inside = highlight(code, get_lexer_by_name(language, stripnl=False), _FORMAT)
    return f'<pre tabindex="0" role="region" aria-label="{language.upper()} code">{inside}</pre>'
