"""Where the models stand beside what others have published: points, their front, a page and a plot."""
