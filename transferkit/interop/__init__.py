"""Beside both halves. Prompts and scores in other tools' files: plain arrays, PEFT folders, Su et al.'s checkout.

Each reader gives arrays and numbers and knows nothing of specs or the store. No file here is ever unpickled freely.
"""
