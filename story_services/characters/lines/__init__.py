"""Spoken words under the names of a later generation of the contract."""
