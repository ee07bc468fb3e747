"""Environment variables that are no settings, and where settings are looked for."""

DEBUG_VARIABLE = "REVIEWQA_DEBUG"  # the command line then shows the traceback of unforeseen errors
LOG_VARIABLE = "REVIEWQA_LOG"  # a file that gets the whole log
PROXY_VARIABLE = "REVIEWQA_BEHIND_PROXY"  # the app asks nobody to log in: a proxy does
NO_SETTINGS = (DEBUG_VARIABLE, LOG_VARIABLE, PROXY_VARIABLE)
SETTINGS_FILE = "reviewqa.toml"
