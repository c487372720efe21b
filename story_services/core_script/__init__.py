"""Core Script Management: scripts, their sections, and what stands between the lines.

`scripts`, `sections` and `remarks` (transitions and notes) each have routes, service and schemas;
`views` says how their entities look to callers.
"""
