"""Carrying commands out: one connection, one owner; each effect once, in order, within quota."""
