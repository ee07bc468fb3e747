"""Reviews in, checked answers out."""

import os

# The OpenMP libraries of torch and faiss read this when they are loaded, so it stands here, before
# either can be. By default their threads spin while they wait for one another, and where something
# else runs on the same cores, each waits for one that is not running: on two cores of which one was
# busy, a question took 431 ms to embed and not 12, and 67 sentences a second were embedded and not
# 439.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
