"""A tenant on its way to another installation: its log, byte for byte, with the keys that open it.

A parcel can be read by the installation that it is for, and by nobody else; it is signed by the one that it is from.
"""
