"""What is measured, one program each: takes one JSON argument, prints one JSON line."""
