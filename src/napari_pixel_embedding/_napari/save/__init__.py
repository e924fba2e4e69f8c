"""The menu Save below every tab."""
