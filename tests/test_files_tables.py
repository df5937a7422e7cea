"""Tables of numbers with a label column: CSV and Parquet through ``files``."""

import re

import numpy as np
import pytest

from harness.datasets.files import Files
from harness.errors import HarnessError

FLOWERS = """length, width,species
5.1,3.5,setosa
7.0,3.2,versicolor
6.3,3.3,virginica
4.9,3,setosa
"""


@pytest.fixture
def load(tmp_path):
    """Return a function that loads a table of this text."""

    def loaded(text=FLOWERS, test=None, **options):
        (tmp_path / "flowers.csv").write_text(text)
        if test is not None:
            (tmp_path / "test.csv").write_text(test)
            options["test_table"] = tmp_path / "test.csv"
        return Files(table=tmp_path / "flowers.csv", **{"label": "species"} | options).load()

    return loaded


def test_columns_are_features_and_the_label_names_the_classes(load):
    """In the table's order, the classes sorted."""
    loaded = load()
    assert loaded.kind == "vector"
    assert loaded.features.dtype == np.float32
    np.testing.assert_array_equal(loaded.features, np.float32([[5.1, 3.5], [7, 3.2], [6.3, 3.3], [4.9, 3]]))
    assert loaded.class_names == ("setosa", "versicolor", "virginica")
    assert loaded.labels.tolist() == [0, 1, 2, 0]
    assert loaded.title == "files, 4 rows of 2 columns"


def test_whole_numbers_are_classes_in_their_order(load):
    """10 comes after 9; names may be given."""
    text = "x,species\n1,10\n2,9\n3,10\n"
    assert load(text).class_names == ("9", "10")
    assert load(text, class_names=["nine", "ten"]).class_names == ("nine", "ten")
    assert load(text).labels.tolist() == [1, 0, 1]


def test_named_classes_take_the_order_of_class_names(load):
    """The labels follow."""
    loaded = load(class_names=["virginica", "setosa", "versicolor"])
    assert loaded.labels.tolist() == [1, 2, 0, 1]


def test_a_column_may_be_left_out(load):
    """One that is no feature, text or not."""
    text = "id,x,species\na,1,s\nb,2,t\n"
    assert load(text, drop=["id"]).features.tolist() == [[1.0], [2.0]]


def test_a_given_test_table_comes_last(load):
    """And is said to be one."""
    loaded = load(test="length,width,species\n1,2,virginica\n")
    assert loaded.test_rows == 1
    assert loaded.labels.tolist() == [0, 1, 2, 0, 2]
    assert loaded.title == "files, 5 rows of 2 columns, 1 of them a given test set"


def test_parquet_is_read(tmp_path):
    """Where pyarrow is installed."""
    pytest.importorskip("pyarrow")
    import pandas as pd

    frame = pd.DataFrame({"x": [1.5, 2.5, 3.5], "flag": [True, False, True], "kind": ["b", "a", "b"]})
    frame.to_parquet(tmp_path / "table")
    loaded = Files(table=tmp_path / "table", label="kind").load()
    assert loaded.features.tolist() == [[1.5, 1.0], [2.5, 0.0], [3.5, 1.0]]
    assert loaded.labels.tolist() == [1, 0, 1]


def test_parquet_without_pyarrow_says_what_to_install(tmp_path, monkeypatch):
    """In one line."""
    import pandas as pd

    def lacking(_file):
        raise ImportError

    monkeypatch.setattr(pd, "read_parquet", lacking)
    (tmp_path / "table").write_bytes(b"PAR1 and more")
    with pytest.raises(HarnessError, match=r'table: pyarrow reads Parquet, .*: pip install "nn-harness\[parquet\]"$'):
        Files(table=tmp_path / "table", label="kind").load()


BAD = {
    "a missing value": (
        FLOWERS.replace("3.2", ""),
        {},
        "column 'width' has no value in line 3: fill it in, or leave it out with drop = ['width']",
    ),
    "text among numbers": (
        FLOWERS.replace("3.2", "n/a"),
        {},
        "column 'width' holds 'n/a' in line 3: numbers are needed, unless it is no feature: leave",
    ),
    "a date": (
        "x,when,species\n1,2020-01-02,a\n2,2020-01-03,b\n",
        {},
        "column 'when' holds '2020-01-02' in line 2",
    ),
    "no number": (FLOWERS.replace("3.2", "nan"), {}, "column 'width' holds 'nan' in line 3"),
    "infinity": (
        FLOWERS.replace("3.2", "inf"),
        {},
        "column 'width' holds inf in line 3: a finite number of float32",
    ),
    "more than float32": (
        FLOWERS.replace("3.2", "1e40"),
        {},
        "column 'width' holds 1e+40 in line 3: a finite number",
    ),
    "a cell of two lines above": (
        'id,x,species\n"a\nb",1,s\n\n  \n"c",?,t\n',
        {"drop": ["id"]},
        "column 'x' holds '?' in line 6: numbers are needed",
    ),
    "lines of another system": ("x,species\r\n1,s\r\n\r\n?,t\r\n", {}, "column 'x' holds '?' in line 4: numbers"),
    "a constant label": (
        "x,species\n1,a\n2,a\n",
        {},
        "flowers.csv: 1 distinct label, 'a' in every row: at least 2 classes are needed",
    ),
    "a missing label": (
        "x,species\n1,a\n2,\n",
        {},
        "label 'species' has no value in line 3: every row needs a class",
    ),
    "a measured label": (
        "x,species\n1,0.5\n2,1\n",
        {},
        "label 'species' holds 0.5 in line 2: classes are whole",
    ),
    "semicolons": (
        FLOWERS.replace(",", ";"),
        {},
        "has one column, 'length; width;species': write ',' between columns, not ';'",
    ),
    "no such label": (FLOWERS, {"label": "specis"}, "label 'specis': no such column. Did you mean 'species'?"),
    "no such column": (FLOWERS, {"drop": ["widht"]}, "drop 'widht': no such column. Did you mean 'width'?"),
    "a repeated column": ("x,y,x,species\n1,2,3,a\n", {}, "columns 1 and 3 are both 'x': rename one of them"),
    "a repeated label": ("species,x, species\na,2,b\n", {}, "columns 1 and 3 are both 'species': rename one of them"),
    "the label alone": ("species\na\nb\n", {}, "has no column beside the label 'species'"),
    "no rows": ("x,species\n", {}, "has a header and no rows"),
    "nothing": ("", {}, "neither CSV nor Parquet: EmptyDataError: No columns to parse from file"),
    "ragged": (
        FLOWERS + "1,2,3,4,5\n",
        {},
        "neither CSV nor Parquet: ParserError: Error tokenizing data. C error: Expected 3 fields in line 6, saw 5",
    ),
    "too few names": (FLOWERS, {"class_names": ["a"]}, "class_names: 1 name for 3 classes: ['setosa', 'versicolor',"),
    "other names": (
        FLOWERS,
        {"class_names": ["setosa", "versicolour", "virginica"]},
        "class_names: lacks the class 'versicolor' of ",
    ),
    "another test table": (FLOWERS, {"test": "length,species\n1,setosa\n"}, "its columns are not those of "),
    "another test class": (
        FLOWERS,
        {"test": "length,width,species\n1,2,rosa\n"},
        "the test set has the label 'rosa', which no row outside it has",
    ),
}


@pytest.mark.parametrize("case", BAD)
def test_a_faulty_table_is_one_line(load, case):
    """It names the file, the column, the line and what would do."""
    text, options, message = BAD[case]
    with pytest.raises(HarnessError) as caught:
        load(text, **options)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_another_encoding_is_named_with_its_line(tmp_path):
    """Though pandas knows only its place in a block of the file."""
    (tmp_path / "table").write_bytes("x,species\n1,a\n2,\u00fc\n".encode("latin-1"))
    with pytest.raises(HarnessError) as caught:
        Files(table=tmp_path / "table", label="species").load()
    why = "neither CSV nor Parquet: line 3 has the byte 0xfc, which is not UTF-8. Save the file as UTF-8"
    assert str(caught.value).endswith(f"table: {why}")


def test_a_row_of_parquet_is_counted(tmp_path):
    """It has no lines."""
    pytest.importorskip("pyarrow")
    import pandas as pd

    pd.DataFrame({"x": [1.5, None], "kind": ["b", "a"]}).to_parquet(tmp_path / "table")
    with pytest.raises(HarnessError, match="table: column 'x' has no value in row 2: fill it in"):
        Files(table=tmp_path / "table", label="kind").load()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({}, "images: is missing, and dataset 'files' needs it, or vectors, or table"),
        ({"table": "t"}, "label: is missing: which column of the table holds the class?"),
        ({"table": "t", "label": "y", "scale": "0..1"}, "scale: is not for table. Remove it"),
        ({"table": "t", "label": "y", "images": "i"}, "table: images is there, too: one kind of files is read"),
        ({"table": "t", "label": "y", "labels": "l"}, "labels: table is there, too: one kind of files is read"),
        ({"vectors": "v", "labels": "l", "size": [2, 2]}, "size: is not for vectors. Remove it"),
        ({"images": "i", "size": [2]}, "size: [2]: [height, width] is needed, each from 1 to 10,000 pixels"),
        ({"images": "i", "channels": 4}, "channels: 4: 1 (grey) or 3 (RGB) is needed"),
        ({"images": "i", "labels": "l", "test_labels": "l"}, "test_images: is missing, and test_labels needs it"),
    ],
)
def test_options_that_do_not_go_together_are_refused(tmp_path, options, message):
    """By the option that begins the line."""
    paths = {key: tmp_path / value if isinstance(value, str) and len(value) == 1 and key != "label" else value
             for key, value in options.items()}  # fmt: skip
    with pytest.raises(ValueError, match=f"^{re.escape(message)}"):
        Files(**paths)
