"""Views built anew beside the rows that are read, compared, and put in their place."""
