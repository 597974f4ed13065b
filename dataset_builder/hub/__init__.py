"""The Hugging Face Hub, and the only folder that talks to it: files, commits, pull requests, patience with a busy Hub.

In: repository names and files. Out: commits and downloads. Imports ``net``.
"""
