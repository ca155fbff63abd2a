"""The checks of the audit, one file each. `registry` finds them; docs/design/adding-a-check.md shows how to add one."""
