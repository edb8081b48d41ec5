"""Recipes: everything that a training run depends on, as validated data.

A recipe's name comes in; a frozen recipe goes out, of a model that ships or of a tutorial.
"""
