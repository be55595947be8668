"""Every method and the rival side by side: points are measured one by one into a file, and the file makes a page."""
