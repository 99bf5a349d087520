"""Prepared cases: every case brought once to the network's fixed shape, on the disk, read where it is looked at.

building  preparing what is not there yet
cases     the images, like an array
keys      what a prepared case is known by
evicting  what a cache holds, and taking it out
"""
