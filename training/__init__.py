"""Teach recurrent networks to read digits row by row, export them and prove the exports."""
