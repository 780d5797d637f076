"""`python -m bench.profiled FILE serve …`: the gateway, with a profiler that SIGUSR1 starts, once all is imported."""

from __future__ import annotations

import cProfile
import signal
import sys
import time

from trunkline_service.cli import main

file = sys.argv.pop(1)
# The thread's own time: on a machine where others work too, the clock on the wall says little.
profile = cProfile.Profile(time.thread_time)
signal.signal(signal.SIGUSR1, lambda *_: profile.enable())
try:
    status = main()
finally:
    profile.disable()
    profile.dump_stats(file)
sys.exit(status)
