"""What every library here reckons with: values as text and as numbers."""
