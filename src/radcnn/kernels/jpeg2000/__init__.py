"""JPEG 2000, the kind that scanners and archives write of gray images, decoded by compiled loops (ISO/IEC 15444-1).

codestream  the main header: whether the stream is of that kind, and where its parts lie
geometry    resolutions, subbands and code blocks as tables of numbers
packets     which bytes belong to which code block (Annex B)
arithmetic  the MQ decoder (Annex C)
contexts    its tables, and those of the coefficients' neighbourhoods
blocks      the bit planes of a code block (Annex D)
wavelet     the reversible 5/3 transform (Annex F)
decoding    all of it, from bytes to bytes

The kind: one tile, one component, reversible, code blocks without options, no markers within the packets, every bit
plane there. Whatever is of another kind, or not in order, is left to a complete decoder, which also says what is wrong.
"""
