"""Files that survive a kill: written whole or not at all, records appended line by line, and progress shown meanwhile.

In: paths and bytes. Out: files. Imports only the errors of the package.
"""
