"""Files of users: encodings, separators, line ends and white space of the programs that write them."""

import codecs

import pytest
from hypothesis import given
from hypothesis import strategies as st

from accounts.users import NewUser
from cli.file_text import UnreadableFileError, decode
from cli.user_file import COLUMNS, Row, read_rows
from models import Role
from tests.support.parameter_ids import printable_id

ADA = NewUser("ada@acme.example", "Zoë 李", password=" pass;word, ")
TEXT = "email;name\né;李\n"


def rows(text: str) -> list[Row]:
    """Read a CSV file."""
    return list(read_rows(text, is_csv=True))


def users(text: str) -> list[NewUser | str | None]:
    """Return the user of each row, or its problem."""
    return [row.user or row.problem for row in rows(text)]


class TestDecode:
    @pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-32"])
    def test_recognises_unicode(self, encoding: str) -> None:
        """UTF-16 and UTF-32 need their byte order mark. UTF-8 can have one."""
        assert decode(TEXT.encode(encoding), None) == TEXT

    def test_recognises_utf_16_in_both_byte_orders(self) -> None:
        """The byte order mark tells which one it is."""
        assert decode(codecs.BOM_UTF16_BE + "é".encode("utf-16-be"), None) == "é"
        assert decode(codecs.BOM_UTF16_LE + "é".encode("utf-16-le"), None) == "é"

    @pytest.mark.parametrize("encoding", ["cp1252", "utf-16-le", "utf-16", "utf-8", "UTF8", "utf-8-sig", "cp437"])
    def test_uses_the_given_encoding(self, encoding: str) -> None:
        """A byte order mark is not part of the text."""
        assert decode("email;name\né;Weiß".encode(encoding), encoding) == "email;name\né;Weiß"

    @pytest.mark.parametrize(
        ("data", "encoding", "problem"),
        [
            ("a\nb\né".encode("cp1252"), None, "is not UTF-8: line 3 has other bytes. Save it as `CSV UTF-8`, or give"),
            ("a\rb\ré".encode("cp1252"), None, "is not UTF-8: line 3"),
            ("é".encode("cp1252"), "utf-8", "is not UTF-8: line 1 has other bytes"),
            (b"a\n\x81", "cp1252", "is not cp1252: line 2 has other bytes"),
            (codecs.BOM_UTF16_LE + b"a", None, "is not UTF-16: line 1"),
            ("Weiß".encode(), "cp1252", "is in UTF-8, and its names would change in cp1252"),
            ("a\nb".encode("utf-16-le"), None, "line 1 has a NUL character. If the file is in UTF-16, give"),
            (b"PK\x03\x04\x14\x00", None, "is a workbook"),
        ],
    )
    def test_names_the_encoding_of_another_file(self, data: bytes, encoding: str | None, problem: str) -> None:
        """It does not guess."""
        with pytest.raises(UnreadableFileError) as raised:
            decode(data, encoding)

        assert problem in str(raised.value)

    @pytest.mark.parametrize("encoding", ["klingon", "rot13", "hex"])
    def test_rejects_an_unknown_encoding(self, encoding: str) -> None:
        """A codec that does not give text is none."""
        with pytest.raises(LookupError):
            decode(b"a", encoding)

    @given(st.binary(max_size=60), st.sampled_from([None, "utf-8", "cp1252", "utf-16", "utf-7", "idna", "shift_jis"]))
    def test_any_bytes_give_text_or_an_error(self, data: bytes, encoding: str | None) -> None:
        """The text has no NUL characters."""
        try:
            text = decode(data, encoding)
        except UnreadableFileError:
            return

        assert "\0" not in text


class TestCsv:
    @pytest.mark.parametrize("separator", [",", ";", "\t"], ids=printable_id)
    @pytest.mark.parametrize("line_end", ["\n", "\r\n", "\r"], ids=printable_id)
    @pytest.mark.parametrize("first", ["", "sep={}\n", '"sep={}"\n', "\n\n", "{0}{0}\n"], ids=printable_id)
    def test_recognises_separator_and_line_end(self, separator: str, line_end: str, first: str) -> None:
        """Excel names the separator in a first line. Empty lines before the header are skipped."""
        table = [["email", "name", "password"], ["ada@acme.example", "Zoë 李", '" pass;word, "']]
        text = first.format(separator) + "".join(f"{separator.join(row)}\n" for row in table)

        assert users(text.replace("\n", line_end)) == [ADA]

    def test_trims_everything_but_passwords_and_hashes(self) -> None:
        """Names of columns ignore case, too."""
        header = "\ufeffEMAIL ,\tName,ROLE,Locale,Password,PASSWORD HASH"

        assert users(f"{header}\n a@b.example\u00a0,\u200bAda , ADMIN ,\tde, p w , h ") == [
            NewUser("a@b.example", "Ada", Role.ADMIN, "de", " p w ", " h ")
        ]

    def test_skips_empty_rows_and_columns_at_the_end(self) -> None:
        """The numbers of the other rows and lines stay right."""
        read = rows("email,name,,\na@b.example,Ada,,\n,,,\n \n,\nb@b.example,Ben,\nc@b.example,Cy,,,,\n,,,,,\n")

        assert [(row.number, row.line, row.user and row.user.name) for row in read] == [
            (1, 2, "Ada"), (2, 6, "Ben"), (3, 7, "Cy"),
        ]  # fmt: skip

    def test_numbers_lines_of_cells_with_line_breaks(self) -> None:
        """A row has the number of its first line."""
        read = rows('email,name\na@b.example,"Ada\r\nLind"\nb@b.example,Ben\n')

        assert [(row.line, row.user and row.user.name) for row in read] == [(2, "Ada\nLind"), (4, "Ben")]

    @pytest.mark.parametrize(
        ("line", "problem"),
        [
            ("a@b.example;Ada", "has 1 cell, but the header has 2, separated by commas"),
            ("a@b.example,Ada,x", "has 3 cells, but the header has 2"),
            ("a@b.example,A\ufffda", "name: has U+FFFD, so another program has read the file in a wrong encoding"),
            (",Ada", "email: is missing"),
        ],
        ids=printable_id,
    )
    def test_names_the_problem_of_a_row(self, line: str, problem: str) -> None:
        """It does not repeat values."""
        assert users(f"email,name\n{line}") == [problem]

    @pytest.mark.parametrize(
        ("text", "problem"),
        [
            ("", "the header lacks email and name (line 1, separated by commas)"),
            ("a@b.example,Ada,secret\n", "the header lacks email and name (line 1"),
            ("\nemail;role\n", "the header lacks name (line 2, separated by semicolons)"),
            ("email\tname\tnotes\tage\n", "unknown or repeated columns: age, notes (line 1, separated by tabs)"),
            ("email,name,Email \n", "unknown or repeated columns: email (line 1"),
            ("email,,name\n", "unknown or repeated columns: (empty) (line 1"),
            ('email,name\na@b.example,"Ada\n\n', "line 2 is not valid CSV"),
            ('sep=,\nemail,name\n"a"b,Ada\n', "line 3 is not valid CSV"),
        ],
        ids=printable_id,
    )
    def test_names_line_and_separator_of_a_wrong_header(self, text: str, problem: str) -> None:
        """A first line without the required columns may be a user, so it is not repeated."""
        with pytest.raises(UnreadableFileError) as raised:
            rows(text)

        assert problem in str(raised.value)
        assert "secret" not in str(raised.value)

    @given(st.text(st.sampled_from('a,;\t"\n\r =\u200b\0'), max_size=30))
    def test_any_text_gives_rows_or_an_error(self, text: str) -> None:
        """A file never causes another exception."""
        for header in ("", ",".join(COLUMNS) + "\n", "sep=;\nemail;name\n"):
            try:
                read = rows(header + text)
            except UnreadableFileError:
                continue
            assert all((row.user is None) != (row.problem is None) for row in read)


class TestJsonLines:
    def test_trims_values_and_names(self) -> None:
        """The rules are those of CSV."""
        text = '{"Email": " a@b.example ", "name": "Ada\\u00a0", "role": " admin", "password": " p w "}\r\r\n\u200b\r\n'

        assert list(read_rows(text, is_csv=False)) == [
            Row(1, 1, NewUser("a@b.example", "Ada", Role.ADMIN, password=" p w "))
        ]

    @pytest.mark.parametrize(
        ("text", "problem"),
        [
            ('{"email": "a@b.example", "Email": "b@b.example"}', "has unknown names or repeated names"),
            ('[["email", "a@b.example"]]', "is not a JSON object"),
            ('{"email": {"name": "Ada"}}', "has a value that is not a string"),
        ],
    )
    def test_names_the_problem_of_a_row(self, text: str, problem: str) -> None:
        """A repeated name is an error, as in CSV."""
        (row,) = read_rows(text, is_csv=False)

        assert problem in (row.problem or "")
