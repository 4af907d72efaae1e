"""What must be true?

Belongs here: the rule catalogue, suites, rules as SQL, findings. Does not belong here: computing what is judged. May
import `warehouse`; meets `assets` only through table names of the dictionary.
"""
