"""The one error that users are meant to see."""


class InputError(Exception):
    """Something the user gave us cannot be used.

    The message is one line that names the file or key and the fix. Scripts print it without a
    traceback and exit with status 1; any other exception is a bug of ours and keeps its traceback.
    """

    def __init__(self, message: object) -> None:
        # a path or a text of the user's may hold line breaks
        super().__init__("\\n".join(str(message).splitlines()))
