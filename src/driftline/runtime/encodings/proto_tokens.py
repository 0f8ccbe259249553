"""The tokens of a .proto file."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final, NamedTuple

from driftline.runtime.encodings.schema_problems import SchemaError

if TYPE_CHECKING:
    from collections.abc import Iterator

_TOKEN: Final = re.compile(
    r"""(?P<space>\s+|//[^\n]*|/\*.*?\*/)
    |(?P<word>[A-Za-z_]\w*)
    |(?P<number>0[xX][0-9a-fA-F]+|(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)
    |(?P<text>"(?:[^"\\\n]|\\.)*"|'(?:[^'\\\n]|\\.)*')
    |(?P<mark>[{}\[\]()<>;=,.:/+-])""",
    re.VERBOSE | re.DOTALL,
)
END: Final = ""
_OCTAL: Final = re.compile(r"0[0-7]+")


class Token(NamedTuple):
    """A word, number, text or mark, and its line, from 1; the empty one is at the end of the file."""

    kind: str
    text: str
    line: int


class Tokens:
    """Walks over the tokens of a .proto file, comments left out.

    Raises
    ------
    SchemaError
        When a character begins no token.
    """

    def __init__(self, source: str) -> None:
        self._tokens = [*_tokens(source)]
        self._at = 0

    @property
    def next(self) -> Token:
        """The token that is taken next."""
        return self._tokens[self._at]

    def take(self) -> Token:
        """Return the next token and go on."""
        token = self.next
        if token.kind != "end":
            self._at += 1
        return token

    def accept(self, *texts: str) -> bool:
        """Go past the next tokens if they are these; return whether they were."""
        ahead = self._tokens[self._at : self._at + len(texts)]
        if [token.text for token in ahead] != [*texts]:
            return False
        self._at += len(texts)
        return True

    def follows(self, *texts: str) -> bool:
        """Whether one of these is the token behind the next one."""
        return self._at + 1 < len(self._tokens) and self._tokens[self._at + 1].text in texts

    def opens_block(self) -> bool:
        """Whether a keyword, a name and a brace come next; the keyword may also be the name of a field's type."""
        ahead = self._tokens[self._at + 1 : self._at + 3]
        return [ahead[0].kind, ahead[-1].text] == ["word", "{"]

    def expect(self, text: str) -> None:
        """Go past a token that must be the next one."""
        token = self.take()
        if token.text != text or token.kind == "text":
            raise self.problem(f"`{text}`", token)

    def word(self) -> str:
        """Return a name without points."""
        token = self.take()
        if token.kind != "word":
            raise self.problem("a name", token)
        return token.text

    def name(self) -> str:
        """Return a name that may have points in it and before it."""
        parts = ["." if self.accept(".") else "", self.word()]
        while self.accept("."):
            parts += [".", self.word()]
        return "".join(parts)

    def integer(self) -> int:
        """Return a whole number, which may be negative."""
        sign = -1 if self.accept("-") else 1
        token = self.take()
        try:
            number = int(token.text, 8) if _OCTAL.fullmatch(token.text) else int(token.text, 0)
        except ValueError:
            raise self.problem("a whole number", token) from None
        return sign * number

    def text(self) -> str:
        """Return a text in quotes; neighbours are one."""
        token = self.take()
        if token.kind != "text":
            raise self.problem("a text in quotes", token)
        parts = [token.text[1:-1]]
        while self.next.kind == "text":
            parts.append(self.take().text[1:-1])
        return "".join(parts)

    def skip_past(self, end: str) -> None:
        """Go past the next such token that is in no brackets of its own."""
        pairs = {"{": "}", "[": "]", "(": ")"}
        wanted = [end]
        while wanted:
            token = self.take()
            if token.kind == "end":
                raise self.problem(f"`{wanted[-1]}`", token)
            if token.kind == "text":
                continue
            if token.text == wanted[-1]:
                wanted.pop()
            elif token.text in pairs:
                wanted.append(pairs[token.text])

    @staticmethod
    def problem(expected: str, token: Token) -> SchemaError:
        """Return the error for a token that is not what must be there."""
        return SchemaError(
            f"Expected {expected}, got {token.text or 'the end'!r} in line {token.line} of the .proto file"
        )


def _tokens(source: str) -> Iterator[Token]:
    at, line = 0, 1
    while at < len(source):
        match = _TOKEN.match(source, at)
        if match is None:
            raise SchemaError(f"Expected a .proto file, got the character {source[at]!r} in line {line}")
        if match.lastgroup != "space":
            yield Token(str(match.lastgroup), match.group(), line)
        line += match.group().count("\n")
        at = match.end()
    yield Token("end", END, line)
