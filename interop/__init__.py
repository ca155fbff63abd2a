"""What leaves the platform in other people's formats. Reads the floors below; nothing below knows of it."""
