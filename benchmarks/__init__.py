"""What the product costs, and how it compares with the tools that people would use instead; see README.md."""
