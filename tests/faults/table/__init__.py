"""What comes of each fault: a table of faults by what a route does about them, every cell a test.

`rows.py` says what is to come of it, `playing.py` has it happen, `scoring.py` judges what the caller and the upstream
saw, and `page.py` writes docs/faults.md.
"""
