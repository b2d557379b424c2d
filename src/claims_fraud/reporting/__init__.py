"""What people read: lists and reports."""
