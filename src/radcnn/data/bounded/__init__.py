"""Untrusted files are parsed in child processes with bounded memory and time; what a child cannot bear is refused.

limits    how much memory and processor time a file of some size may take
memory    an array that parent and child see both
channel   messages between them: JSON, and file descriptors of arrays
child     the child's loop: it does named tasks and nothing else
children  a child as its parent sees it
refusals  the sentences about files that a child could not bear
pool      children started when needed, shared by threads, replaced when they die
"""

from radcnn.data.bounded.pool import Crew, Refused, each, one

__all__ = ["Crew", "Refused", "each", "one"]
