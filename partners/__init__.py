"""Who the network works with, and on what terms."""
