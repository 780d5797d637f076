"""An hour of traffic through routes whose providers slow down, throttle and fail, in virtual time."""
