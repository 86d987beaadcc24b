"""Coal mines: safety monitoring and personnel positioning as text files in a folder (MT/T 1201-2023, 42号文)."""
