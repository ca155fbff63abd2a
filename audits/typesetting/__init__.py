"""Documents as PDF/A-3A + PDF/UA-1 files with the JSON they were made from attached.

Pure code: a document as plain JSON and SVG text in, bytes out. Nothing here reads a database, a clock or a network.
"""
