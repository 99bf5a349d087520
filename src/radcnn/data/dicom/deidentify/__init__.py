"""De-identification of DICOM objects: the basic profile of PS3.15 annex E, and everything not known to be safe removed.

profile.txt    table E.1-1: what the profile does with each attribute
profile.py     that table, read
types.py       whether an attribute must stay in a kind of object (type 1, 2 or 3)
safe.py        which values of attributes outside the table are known to hold no identifier
concepts.py    coded concepts: those of the public vocabularies stay, with the vocabulary's own words
secret.py      pseudonyms, UIDs and shifts of dates, always alike for the same secret
cleaning.py    one data set
object.py      one file, parsed and cleaned
inside.py      that as a task of a bounded child
crossing.py    the parent's side: files shared among children, their answers tested, the new files written
"""
