"""Whether ids and paths of a dataset's rows could name a person.

In: the rows' id and image columns. Out: the words that could be a name, with an example.
May import: the dataset folder, own sources' descriptions.
"""
