"""Leaks between the sides of a split: one picture in two files, one patient under two names.

prints   what is compared of every pair of images
search   the pairs worth a look
verify   two images laid upon each other
pairs    the pairs that are one picture
telling  what they mean, as findings
people   the same for patients, by what DICOM headers say
"""
