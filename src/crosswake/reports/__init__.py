"""What people look at: tables, figures and HTML, and the files of numbers beside them."""
