"""The few pages for visitors whom we cannot send anywhere: small, and without secrets."""

from typing import Final

_PAGE: Final = """<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="robots" content="noindex">
<title>{title}</title>
<style>
:root {{ color-scheme: light dark; }}
body {{
  display: grid; place-items: center; min-height: 100vh; margin: 0; padding: 1.5rem;
  box-sizing: border-box; font: 1.05rem/1.6 system-ui, sans-serif;
  color: light-dark(#1d2733, #e6ebf1); background: light-dark(#f5f7fa, #12181f);
}}
main {{
  max-width: 26rem; padding: 2.5rem; border-radius: 1rem;
  background: light-dark(#fff, #1b232d); box-shadow: 0 1rem 3rem #0f172a1f;
}}
.mark {{ display: block; width: 2.5rem; height: .35rem; border-radius: 1rem; background: #2f7d6b; }}
h1 {{ margin: 1.25rem 0 .5rem; font-size: 1.5rem; line-height: 1.25; }}
p {{ margin: 0; opacity: .8; }}
</style>
<main>
<span class="mark"></span>
<h1>{title}</h1>
<p>{text}</p>
</main>
</html>
"""


def _page(title: str, text: str) -> bytes:
    return _PAGE.format(title=title, text=text).encode()


NOWHERE: Final = _page(
    "This link leads nowhere",
    "It may have been mistyped, or what it led to has ended. "
    "Go back to the page that you came from and tell its owner.",
)
LATER: Final = _page(
    "One moment, please",
    "We could not take you further just now. Wait a few seconds, then try the link again.",
)
NOT_THIS_WAY: Final = _page(
    "This is a link to follow",
    "Open it in a browser. Nothing can be sent to it.",
)
