"""The pages of the app. A page is one file here, which makes a `Page`, and a line in `PAGES`."""

from ui.pages import ask, compare, reviews

PAGES = [ask.PAGE, reviews.PAGE, compare.PAGE]
