"""Clicks: the redirect server and what it stores.

The way of a click through these modules:

1. `tracking/protocol.py` hands the click of a known plain link to `edge` by a call; other requests
   come to it through `tracking/asgi.py`, and `dialects` reads the links of other platforms.
2. `visit` reads who comes: what the link says (`query`), `agent`, `place`, `privacy`, `arrival`.
3. `decide` says what becomes of it: `evaluate` gives the reason (`signing` is one of its steps),
   `landing` the page, and for a smart link `smart_click` and `smart` the offer.
4. `entries` makes an Entry (`kinds`) of it: an id (`ids`), a row for COPY (`row`), the address it
   leads to, the places in caps that it claims, and what is stored instead if a cap refuses it.
5. `recorder` collects entries, `batch` orders them, `commit` stores them in one message. While
   PostgreSQL is away or too slow, `spool` keeps them on disk (`spool_records`, `backlog`).
6. Only then is the visitor answered, by whichever of the two ways it came in.
7. Later `drain`, another process, loads the spool; `repeats` finds the first click of a visitor,
   `stored` finds clicks for reports, `partitions` ends old days, and `api` shows clicks (`shapes`).
"""
