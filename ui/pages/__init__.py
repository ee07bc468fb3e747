"""The pages of the app. A page is one file here, which makes a `Page`, and a line in `PAGES`."""

from ui.pages import ask, browse, compare, reviews

PAGES = [ask.PAGE, browse.PAGE, reviews.PAGE, compare.PAGE]
