"""What every request needs: secrets that no text holds, a server's wish to be asked later, downloads within limits.

In: addresses and names of environment variables. Out: bytes in the cache. Imports only the errors of the package.
"""
