"""The HTML door: pages, fragments, forms, and one module for what each element shows."""
