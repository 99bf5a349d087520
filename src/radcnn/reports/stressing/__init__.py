"""What the report says of stress tests, one file for each part."""
