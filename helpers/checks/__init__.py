"""Exercise checkers, one module a chapter and one function an exercise.

A checker compares the reader's function or answer with a trusted result on several cases, prints
one line when it agrees, and raises AssertionError with an explanation when it does not.
"""
