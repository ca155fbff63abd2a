"""Model cards in other people's formats, each made from one edition alone: the same edition gives the same file."""
