"""Helpers of the course: what a reader should not have to read twice.

The modules build on each other in one direction: data, models, training, information, foliation,
plotting, browser, checks. Importing one prints nothing, draws nothing and reads no file.
"""
